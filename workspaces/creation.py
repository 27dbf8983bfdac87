"""New repositories, which appear when they are whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

from recursor.domain.errors import ConflictError
from recursor.workspaces import libgit2, removal
from recursor.workspaces.objects import QUARANTINE, sync

UNFINISHED = ".unfinished-"
"""How names of repositories begin that are being made."""


@contextmanager
def made_whole(path: Path, branch: str = "main") -> Iterator[pygit2.Repository]:
    """Fill a new repository in the body; then it moves to `path`, and is on disk there.

    If the body raises, or the process ends meanwhile, nothing is at `path`. What a process that ended has
    left beside it is removed by `remove_unfinished`.

    Raises:
        ConflictError: something is at `path`.
    """
    if os.path.lexists(path):
        raise ConflictError(f"{path} exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    libgit2.configure()
    try:
        yield pygit2.init_repository(str(place), bare=True, initial_head=branch)
        for directory, _, files in os.walk(place, topdown=False):
            for name in files:
                sync(Path(directory, name))
            sync(Path(directory))
        place.rename(path)
        sync(path.parent)
    finally:
        removal.remove(place)


def remove_unfinished(directory: Path) -> None:
    """Remove what processes that ended have left in `directory`. None must be making a repository there."""
    if directory.is_dir():
        for entry in list(directory.iterdir()):
            if entry.name.startswith(UNFINISHED):
                removal.remove(entry)


def remove_unfinished_objects(repository: Path) -> None:
    """Remove what processes that ended have left in a repository. None must be writing to it."""
    for directory in list((repository / "objects").glob(f"{QUARANTINE}*")):
        removal.remove(directory)
