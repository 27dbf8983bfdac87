"""What differs between two trees, within limits of size and time."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import pygit2
from pygit2.enums import DeltaStatus, DiffFind, DiffOption

from recursor.workspaces.names import quoted
from recursor.workspaces.objects import SUBMODULE

Change = Literal["added", "removed", "changed", "renamed", "type changed"]

LARGEST_COMPARED = 1024 * 1024
"""Bytes of a file whose lines are compared: the time for two files grows faster than their size."""

MOST_COMPARED = 32 * 1024 * 1024
"""Bytes of all files whose lines are compared for one difference."""

_CHANGES: dict[DeltaStatus, Change] = {
    DeltaStatus.ADDED: "added",
    DeltaStatus.DELETED: "removed",
    DeltaStatus.MODIFIED: "changed",
    DeltaStatus.RENAMED: "renamed",
    DeltaStatus.TYPECHANGE: "type changed",
}


@dataclass(frozen=True, slots=True)
class FileDifference:
    """How one file differs."""

    path: str
    """Its path, quoted as git does if it is not printable text."""

    change: Change

    old_path: str
    """Its path before a rename, else `path`."""

    insertions: int | None
    """New lines; None: not text, or too large to compare."""

    deletions: int | None
    """Lines that are gone; None likewise."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two commits differ."""

    files: tuple[FileDifference, ...]
    """Every file that differs, in the order of their paths."""

    text: str
    """A patch, or its beginning: whole files, followed by a line about those left out."""

    @property
    def insertions(self) -> int:
        """New lines in all compared files."""
        return sum(file.insertions or 0 for file in self.files)

    @property
    def deletions(self) -> int:
        """Lines that are gone in all compared files."""
        return sum(file.deletions or 0 for file in self.files)


def changed_files(
    git: pygit2.Repository, old: pygit2.Tree, new: pygit2.Tree
) -> tuple[pygit2.Diff, list[FileDifference]]:
    """Return the files that differ, without a look at their lines.

    Args:
        git: the repository.
        old: what was.
        new: what is.
    """
    diff = git.diff(old.id, new.id, flags=DiffOption.INCLUDE_TYPECHANGE)
    assert isinstance(diff, pygit2.Diff)
    # Without a comparison of contents: that of many new with many old files takes minutes.
    diff.find_similar(DiffFind.FIND_RENAMES | DiffFind.FIND_EXACT_MATCH_ONLY)
    files = [
        FileDifference(
            quoted(delta.new_file.raw_path),
            _CHANGES[delta.status],
            quoted(delta.old_file.raw_path),
            None,
            None,
        )
        for delta in diff.deltas
    ]
    return diff, files


def compare(
    git: pygit2.Repository,
    old: pygit2.Tree,
    new: pygit2.Tree,
    *,
    limit_bytes: int,
    paths: Collection[bytes] = (),
    most_compared: int = MOST_COMPARED,
) -> Difference:
    """Return how two trees differ.

    Args:
        git: the repository.
        old: what was.
        new: what is.
        limit_bytes: of the text.
        paths: only these files, and what is below these directories; empty: all.
        most_compared: bytes of all files whose lines are compared; what is beyond is only listed.
    """
    diff, listed = changed_files(git, old, new)
    files: list[FileDifference] = []
    texts: list[str] = []
    left_out = 0
    for number, (delta, file) in enumerate(zip(diff.deltas, listed, strict=True)):
        if paths and not any(_is_at(side.raw_path, paths) for side in (delta.old_file, delta.new_file)):
            continue
        sizes = [_size(git, side) for side in (delta.old_file, delta.new_file)]
        if max(sizes) > LARGEST_COMPARED or sum(sizes) > most_compared:
            files.append(file)
            left_out += 1
            continue
        most_compared -= sum(sizes)
        patch = diff[number]
        assert patch is not None
        if patch.delta.is_binary:
            files.append(file)
        else:
            _, insertions, deletions = patch.line_stats
            files.append(replace(file, insertions=insertions, deletions=deletions))
        data = patch.data
        if len(data) > limit_bytes:
            left_out += 1
        else:
            limit_bytes -= len(data)
            texts.append(data.decode(errors="replace"))
    if left_out:
        texts.append(f"({left_out:,} more files differ; too large to show here)\n")
    return Difference(tuple(files), "".join(texts))


def _is_at(path: bytes, places: Collection[bytes]) -> bool:
    return any(path == place or path.startswith(place.rstrip(b"/") + b"/") for place in places)


def _size(git: pygit2.Repository, side: pygit2.DiffFile) -> int:
    if not any(side.id.raw) or side.mode == SUBMODULE:
        return 0
    return git.odb.read_header(side.id)[1]
