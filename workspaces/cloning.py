"""A copy of a repository from a path or a URL."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

import pygit2
from pygit2.enums import ObjectType, RepositoryOpenFlag
from pygit2.remotes import RemoteHead, TransferProgress

from recursor.domain.errors import InvalidInputError
from recursor.workspaces import creation, libgit2
from recursor.workspaces.errors import CloneError, LimitExceededError
from recursor.workspaces.references import branch_reference

_SCHEMES = {"file", "git", "http", "https", "ssh"}
_HEADS = "refs/heads/"
_TAGS = "refs/tags/"
# As git reads it: no slash before the first colon.
_SCP_LIKE = re.compile(r"(?:[^/:@]+@)?[^/:]+:(?!//)")

MOST_BYTES = 8 * 1024**3
"""Bytes that a clone may receive, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class CloneProgress:
    """How far a clone is."""

    objects: int
    """Objects received."""

    of_objects: int
    """Objects in all."""

    bytes: int
    """Bytes received."""


def clone(
    path: Path,
    source: str,
    branch: str | None,
    on_progress: Callable[[CloneProgress], None],
    most_bytes: int,
) -> str:
    """Clone a repository; see `Repository.clone`."""
    address, name = _address(source)
    callbacks = _Callbacks(name, on_progress, most_bytes)
    wanted = None if branch is None else branch_reference(branch)
    with creation.made_whole(path) as git:
        remote = git.remotes.create_anonymous(address)
        try:
            heads = remote.list_heads(callbacks=callbacks)
            chosen = _chosen(heads, wanted, name)
            remote.fetch([f"+{chosen}:{chosen}"], callbacks=callbacks)
            tags = _tags(heads, git, git.references[chosen].peel(pygit2.Commit).id)
            if tags:
                remote.fetch([f"+{tag}:{tag}" for tag in tags], callbacks=callbacks)
            # libgit2 may bring others along.
            for reference in list(git.references):
                if reference not in {chosen, *tags}:
                    git.references.delete(reference)
        except pygit2.GitError as error:
            raise CloneError(_reason(name, libgit2.in_one_line(error))) from None
        # Whoever clones this repository gets this branch.
        git.set_head(chosen)
        return str(git.references[chosen].target)


def check_source(source: str, branch: str | None) -> None:
    """Check what can be checked of the source of a clone without the network: its form; of a path, all.

    Args:
        source: an absolute path or a URL.
        branch: the branch to clone; None: the one that is checked out there.

    Raises:
        CloneError: there is no such repository or branch, or it has no commits.
        InvalidInputError: the source has a password or is a relative path, or no branch can have this name.
    """
    libgit2.configure()
    wanted = None if branch is None else branch_reference(branch)
    if "://" in source:
        parts = urlsplit(source)
        # Everybody can see records. Of ssh, the user's name is part of the address.
        if "@" in parts.netloc and (parts.scheme != "ssh" or parts.password is not None):
            raise InvalidInputError(
                "repo: contains a user name or password, and everyone can see it: clone it with your own "
                "git, and give the path"
            )
    elif not _SCP_LIKE.match(source) and not Path(source).is_absolute():
        raise InvalidInputError(f"repo: {source[:200]!r} is relative: give an absolute path or a URL")
    address, name = _address(source)
    if address.startswith("file://"):
        git = pygit2.Repository(address.removeprefix("file://"), RepositoryOpenFlag.NO_SEARCH)
        _chosen(git.remotes.create_anonymous(address).list_heads(), wanted, name)


def _address(source: str) -> tuple[str, str]:
    """Return what libgit2 is asked for, and the name of the source without credentials."""
    if "://" in source:
        parts = urlsplit(source)
        if parts.scheme not in _SCHEMES:
            raise CloneError(
                f"clone of {parts.scheme}://…: use a path, or one of {', '.join(sorted(_SCHEMES))}"
            )
        host = parts.netloc.rpartition("@")[2]
        name = urlunsplit(parts._replace(netloc=host))
        if parts.scheme != "file":
            return source, name
        source = name.removeprefix("file://")
    elif _SCP_LIKE.match(source) and not Path(source).exists():
        return source, source
    place = Path(source).expanduser().absolute()
    try:
        found = pygit2.Repository(str(place), RepositoryOpenFlag.NO_SEARCH)
    except pygit2.GitError as error:
        if not place.exists():
            raise CloneError(f"clone of {place}: no such directory") from None
        reason = libgit2.in_one_line(error)
        raise CloneError(f"clone of {place}: not a repository that can be read ({reason})") from None
    if found.is_shallow:
        raise CloneError(f"clone of {place}: its history is cut off; run `git fetch --unshallow` there first")
    # Through the protocol: copied files could name objects elsewhere, and be changed by their owner.
    return f"file://{place}", str(place)


def _chosen(heads: list[RemoteHead], reference: str | None, name: str) -> str:
    branches = {head.name: head.oid for head in heads if head.name and head.name.startswith(_HEADS)}
    if not branches:
        raise CloneError(f"clone of {name}: it has no commits; make one there, or start without a repository")
    known = ", ".join(sorted(each.removeprefix(_HEADS) for each in branches)[:10])
    if reference is not None:
        if reference in branches:
            return reference
        raise CloneError(f"clone of {name}: no branch {reference.removeprefix(_HEADS)}; known: {known}")
    head = next((head for head in heads if head.name == "HEAD"), None)
    if head is not None:
        if head.symref_target in branches:
            return head.symref_target
        same = [each for each, commit in branches.items() if commit == head.oid]
        if len(same) == 1:
            return same[0]
    raise CloneError(f"clone of {name}: it has no branch checked out; name one: {known}")


def _tags(heads: list[RemoteHead], git: pygit2.Repository, tip: pygit2.Oid) -> list[str]:
    """Return the tags in the history of `tip`; programs tell their version by them."""
    # Of a tag with a message, the commit is listed after it under this name.
    commits = {head.name.removesuffix("^{}"): head.oid for head in heads if head.name}
    return [
        name
        for name, commit in commits.items()
        if name.startswith(_TAGS)
        and commit in git
        and git[commit].type == ObjectType.COMMIT
        and (commit == tip or git.descendant_of(tip, commit))
    ]


def _reason(name: str, text: str) -> str:
    lower = text.lower()
    if any(word in lower for word in ("authentication", "401", "403", "host key", "certificate")):
        return _unauthorized(name, text)
    if any(word in lower for word in ("resolve", "connect", "timed out", "timeout", "unreachable")):
        return f"clone of {name}: cannot be reached ({text})"
    if "404" in lower or "not found" in lower:
        return f"clone of {name}: no repository there ({text})"
    return f"clone of {name}: {text}"


def _unauthorized(name: str, text: str) -> str:
    return f"clone of {name}: {text}; clone it with your own git and give the path instead"


class _Callbacks(pygit2.RemoteCallbacks):
    def __init__(self, name: str, on_progress: Callable[[CloneProgress], None], most_bytes: int) -> None:
        super().__init__()
        self._name = name
        self._on_progress = on_progress
        self._most_bytes = most_bytes

    def credentials(self, *_: object) -> NoReturn:
        raise CloneError(_unauthorized(self._name, "needs authentication, or does not exist"))

    def transfer_progress(self, stats: TransferProgress) -> None:
        if stats.received_bytes > self._most_bytes:
            raise LimitExceededError(f"clone of {self._name}: more than {self._most_bytes:,} bytes")
        self._on_progress(CloneProgress(stats.received_objects, stats.total_objects, stats.received_bytes))
