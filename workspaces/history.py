"""What a repository holds: commits, directories, files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count, islice
from typing import Literal

import pygit2

from recursor.domain.errors import NotFoundError
from recursor.workspaces.errors import LimitExceededError
from recursor.workspaces.names import quoted, shown
from recursor.workspaces.objects import (
    DIRECTORY,
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    TreeEntry,
    read_tree,
)

Kind = Literal["file", "executable", "link", "directory", "submodule"]

LONGEST_MESSAGE = 4_000
"""Characters of a commit's message that are shown."""

_KINDS: dict[int, Kind] = {
    FILE: "file",
    EXECUTABLE: "executable",
    LINK: "link",
    DIRECTORY: "directory",
    SUBMODULE: "submodule",
}


@dataclass(frozen=True, slots=True)
class CommitSummary:
    """One commit of a history."""

    commit: str
    """Its hash."""

    parents: tuple[str, ...]

    author: str
    """The author's name."""

    email: str
    """The author's address."""

    at: float
    """When it was committed; seconds since the epoch, UTC."""

    message: str
    """At most `LONGEST_MESSAGE` characters."""

    trailers: Mapping[str, str]
    """The last lines of the message, such as `Recursor-Todo: 3f`."""

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One entry of a directory."""

    path: str
    """Its path in the repository, quoted as git does if it is not printable text."""

    kind: Kind

    size: int | None
    """Bytes; None for directories and submodules."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a directory."""

    entries: tuple[ListedFile, ...]

    total: int
    """How many entries the directory has."""


MOST_SEARCHED = 20_000
"""Commits among which those of a path are searched: some seconds at most."""


def log(git: pygit2.Repository, commit: pygit2.Commit, path: bytes) -> Iterator[CommitSummary]:
    """Return `commit` and those before it, the newest first.

    Args:
        git: the repository.
        commit: where to begin.
        path: only commits in which this file or directory differs from all their parents, among the
            `MOST_SEARCHED` newest; empty: all.
    """
    for each in islice(_walk(commit), MOST_SEARCHED) if path else _walk(commit):
        if path:
            here = _identity(git, each.tree_id, path)
            before = [_identity(git, parent.tree_id, path) for parent in each.parents]
            if here in before or (here is None and not before):
                continue
        yield _summary(each)


def _walk(commit: pygit2.Commit) -> Iterator[pygit2.Commit]:
    """Return the newest commits first, each after one that follows it, and read no more than asked for.

    libgit2 reads all of the history to sort it, or has commits of one second in any order.
    """
    number = count()
    waiting = [(-commit.commit_time, next(number), commit)]
    seen = {commit.id}
    while waiting:
        _, _, newest = heappop(waiting)
        yield newest
        for parent in newest.parents:
            if parent.id not in seen:
                seen.add(parent.id)
                heappush(waiting, (-parent.commit_time, next(number), parent))


def _identity(git: pygit2.Repository, tree: pygit2.Oid, path: bytes) -> tuple[int, pygit2.Oid] | None:
    entry = _entry(git, tree, path)
    return None if entry is None else (entry.mode, entry.id)


def _summary(commit: pygit2.Commit) -> CommitSummary:
    author = commit.author
    return CommitSummary(
        commit=str(commit.id),
        parents=tuple(str(parent) for parent in commit.parent_ids),
        author=author.raw_name.decode(errors="replace"),
        email=author.raw_email.decode(errors="replace"),
        at=float(commit.commit_time),
        message=commit.raw_message[: 4 * LONGEST_MESSAGE].decode(errors="replace")[:LONGEST_MESSAGE],
        trailers=_trailers(commit),
    )


def _trailers(commit: pygit2.Commit) -> Mapping[str, str]:
    try:
        return commit.message_trailers
    except UnicodeDecodeError:
        return {}


def listing(
    git: pygit2.Repository, commit: pygit2.Commit, path: bytes, *, offset: int, limit: int
) -> Listing:
    """Return a part of a directory.

    Args:
        git: the repository.
        commit: the version.
        path: the directory; empty: the root.
        offset: how many entries to leave out.
        limit: how many to return at most.

    Raises:
        NotFoundError: there is no such directory.
    """
    entry = _found(git, commit, path)
    if entry.mode != DIRECTORY:
        raise NotFoundError(f"{shown(path)} in {commit.short_id}: no directory")
    entries = read_tree(git, entry.id)
    above = path.strip(b"/") + b"/" if path.strip(b"/") else b""
    return Listing(
        tuple(
            ListedFile(
                quoted(above + each.name),
                _KINDS.get(each.mode, "file"),
                git.odb.read_header(each.id)[1] if each.mode not in {DIRECTORY, SUBMODULE} else None,
            )
            for each in entries[offset : offset + limit]
        ),
        len(entries),
    )


def content(git: pygit2.Repository, commit: pygit2.Commit, path: bytes, limit: int) -> bytes:
    """Return a file's content; of a link, where it leads.

    Args:
        git: the repository.
        commit: the version.
        path: the file.
        limit: bytes.

    Raises:
        NotFoundError: there is no such file.
        LimitExceededError: it is larger than `limit`; it was not read.
    """
    entry = _found(git, commit, path)
    if entry.mode in {DIRECTORY, SUBMODULE}:
        raise NotFoundError(f"{shown(path)} in {commit.short_id}: a {_KINDS[entry.mode]}, not a file")
    size = git.odb.read_header(entry.id)[1]
    if size > limit:
        raise LimitExceededError(f"{shown(path)}: {size:,} bytes, more than {limit:,}")
    return git.odb.read(entry.id)[1]


def _found(git: pygit2.Repository, commit: pygit2.Commit, path: bytes) -> TreeEntry:
    entry = _entry(git, commit.tree_id, path)
    if entry is None:
        raise NotFoundError(f"{shown(path)} in {commit.short_id}: no such file or directory")
    return entry


def _entry(git: pygit2.Repository, tree: pygit2.Oid, path: bytes) -> TreeEntry | None:
    entry = TreeEntry(b"", DIRECTORY, tree)
    for name in path.strip(b"/").split(b"/") if path.strip(b"/") else ():
        if entry.mode != DIRECTORY:
            return None
        inner = next((each for each in read_tree(git, entry.id) if each.name == name), None)
        if inner is None:
            return None
        entry = inner
    return entry
