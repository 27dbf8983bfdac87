"""libgit2 as this room uses it: independent of the machine's git configuration."""

from functools import cache
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, RepositoryOpenFlag

from recursor.workspaces.errors import RepositoryError


@cache
def configure() -> None:
    """Have libgit2 read no configuration but a repository's own, for this process.

    A person's or machine's configuration could name attributes, ignored files or another author. The owner
    of a repository's files is no obstacle: the data directory may be another user's, and a repository that
    is cloned is only read.
    """
    for level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        # An empty path would mean libgit2's default. The NUL device is a directory nowhere.
        pygit2.settings.search_path[level] = "/dev/null"
    pygit2.settings.owner_validation = False
    pygit2.settings.server_connect_timeout = CONNECT_MILLISECONDS
    pygit2.settings.server_timeout = SILENCE_MILLISECONDS


CONNECT_MILLISECONDS = 30_000
"""How long a server may take to accept a connection."""

SILENCE_MILLISECONDS = 120_000
"""How long a server may send nothing; it may have to pack a large repository first."""


def opened(path: Path) -> pygit2.Repository:
    """Open the bare repository at `path`, and not one above it.

    Raises:
        RepositoryError: there is none, or it cannot be read.
    """
    configure()
    try:
        return pygit2.Repository(str(path), RepositoryOpenFlag.BARE | RepositoryOpenFlag.NO_SEARCH)
    except pygit2.GitError as error:
        raise RepositoryError(f"repository {path}: {in_one_line(error)}") from None


def in_one_line(error: BaseException) -> str:
    """Return libgit2's text of an error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
