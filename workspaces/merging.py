"""A proposed commit becomes part of the work."""

from dataclasses import dataclass

import pygit2
from pygit2.index import ConflictCollection

from recursor.workspaces.commit import Author
from recursor.workspaces.names import shown
from recursor.workspaces.objects import Quarantine

MOST_PATHS = 100
"""How many paths in conflict are named."""

LARGEST_EXCERPT = 8_000
"""Characters of the text with conflict markers."""

LARGEST_SHOWN = 256 * 1024
"""Bytes of a file whose conflict is shown."""

CONTEXT = 3
"""Lines around a conflict."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The proposal is part of `commit`, which follows the tip or is it."""

    commit: str


@dataclass(frozen=True, slots=True)
class Conflicted:
    """The proposal and the tip change the same lines."""

    paths: tuple[str, ...]
    """The files, at most `MOST_PATHS`; characters that cannot be printed are escaped."""

    text: str
    """An excerpt of them with conflict markers, at most about `LARGEST_EXCERPT` characters."""


def merge(
    objects: Quarantine, tip: pygit2.Commit, proposed: pygit2.Commit, author: Author, message: str, now: float
) -> Merged | Conflicted:
    """Merge `proposed` onto `tip`; see `Repository.merge`."""
    git = objects.git
    base = git.merge_base(tip.id, proposed.id)
    if base == tip.id:
        return Merged(str(proposed.id))
    if base == proposed.id:
        return Merged(str(tip.id))
    single = proposed.parent_ids == [base]
    if single:
        # A merge of trees takes the base as given; of several commits, libgit2 finds the bases.
        index = git.merge_trees(proposed.parents[0].tree, tip.tree, proposed.tree)
    else:
        index = git.merge_commits(tip, proposed)
    if index.conflicts is not None:
        return _conflict(git, index.conflicts)
    tree = index.write_tree(git)
    if tree == tip.tree_id:
        return Merged(str(tip.id))
    merger = author.at(now)
    if single:
        made = git.create_commit(None, proposed.author, merger, proposed.message, tree, [tip.id])
    else:
        made = git.create_commit(None, merger, merger, message, tree, [tip.id, proposed.id])
    return Merged(str(made))


def _conflict(git: pygit2.Repository, conflicts: ConflictCollection) -> Conflicted:
    paths: dict[str, None] = {}
    texts: list[str] = []
    size = 0
    for sides in conflicts:
        path = shown(next(side.path for side in sides if side is not None).encode(errors="surrogateescape"))
        if len(paths) < MOST_PATHS:
            paths[path] = None
        if size < LARGEST_EXCERPT:
            texts.append(f"{path}:\n{_excerpt(git, *sides)}"[: LARGEST_EXCERPT - size])
            size += len(texts[-1])
    return Conflicted(tuple(paths), "\n".join(texts))


def _excerpt(
    git: pygit2.Repository,
    ancestor: pygit2.IndexEntry | None,
    ours: pygit2.IndexEntry | None,
    theirs: pygit2.IndexEntry | None,
) -> str:
    if ours is None or theirs is None:
        removed = "the proposal" if theirs is None else "the work so far"
        other = "the work so far" if theirs is None else "the proposal"
        return f"removed by {removed}, changed or renamed by {other}\n"
    sides = [side for side in (ancestor, ours, theirs) if side is not None]
    if any(side.mode not in {0o100644, 0o100755} for side in sides):
        return "links, submodules or different kinds of files\n"
    if any(git.odb.read_header(side.id)[1] > LARGEST_SHOWN for side in sides):
        return "too large to show\n"
    if not all(_is_text(git.odb.read(side.id)[1]) for side in sides):
        return "not text in UTF-8\n"
    # The path of a side is its label in the text.
    named = (
        pygit2.IndexEntry("the work so far", ours.id, ours.mode),
        pygit2.IndexEntry("the proposal", theirs.id, theirs.mode),
    )
    lines = git.merge_file_from_index(ancestor, *named).contents.splitlines(keepends=True)
    return "".join(_around_markers(lines))


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def _around_markers(lines: list[str]) -> list[str]:
    inside = False
    kept: set[int] = set()
    for number, line in enumerate(lines):
        starts, ends = line.startswith("<<<<<<< "), line.startswith(">>>>>>> ")
        inside = inside or starts
        if inside:
            kept.update(range(max(number - CONTEXT if starts else number, 0), number + 1 + CONTEXT * ends))
        inside = inside and not ends
    made = []
    last = -1
    for number in sorted(kept):
        if number < len(lines):
            made += ["…\n"] * (number > last + 1) + [lines[number]]
            last = number
    return made
