"""One stack's git repository, without a working tree."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Self

from recursor.domain.extras import needing
from recursor.workspaces.errors import CommitMissingError

with needing("workspaces", "A workspace"):
    import pygit2
    from pygit2.enums import ObjectType

    from recursor.workspaces import (
        cloning,
        compaction,
        creation,
        differences,
        history,
        libgit2,
        merging,
        names,
        references,
        removal,
        working_tree,
    )
    from recursor.workspaces.cloning import CloneProgress
    from recursor.workspaces.commit import Author, with_trailers
    from recursor.workspaces.differences import Difference, FileDifference
    from recursor.workspaces.history import CommitSummary, Listing
    from recursor.workspaces.ignored_files import IgnoredFiles
    from recursor.workspaces.merging import Conflicted, Merged
    from recursor.workspaces.objects import quarantine
    from recursor.workspaces.reading_back import WorkingTreeReader
    from recursor.workspaces.working_tree import TreeLimits

BRANCH = "main"
"""The branch of a new repository."""

_DIGITS = re.compile(r"[0-9a-f]{4,40}")

TREE_LIMITS = TreeLimits()
"""The limits unless others are given."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that was made of a working tree."""

    commit: str
    """Its hash."""

    tree: str
    """The hash of its files: the same for the same files."""

    paths: tuple[str, ...]
    """The changed files, quoted as git does if they are not printable text."""

    files: int
    """Files that were added, changed or removed."""

    insertions: int
    """New lines."""

    deletions: int
    """Lines that are gone."""

    notes: tuple[str, ...] = ()
    """What was left out, and why; a line each."""


class Repository:
    """A bare repository. All methods block; an object is used by one thread at a time.

    Threads and processes may use objects of their own for one repository at once: git's objects are written
    before they are moved into place, and references are changed under git's own locks. Commits are named by
    their full hashes.
    """

    def __init__(self, path: Path) -> None:
        """Open the repository at `path`.

        Raises:
            RepositoryError: there is none, or it cannot be read.
        """
        self._path = path
        self._git = libgit2.opened(path)

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the repository at `path`.

        Raises:
            RepositoryError: there is none, or it cannot be read.
        """
        return cls(path)

    @classmethod
    def make(cls, path: Path, now: float) -> str:
        """Make a repository with one empty commit on the branch `main`.

        It appears at `path` when it is whole.

        Args:
            path: where nothing is yet.
            now: seconds since the epoch, UTC.

        Returns:
            The commit.

        Raises:
            ConflictError: something is there.
        """
        with creation.made_whole(path) as git:
            tree = git.odb.write(ObjectType.TREE, b"")
            author = Author("recursor", "recursor@recursor.invalid").at(now)
            commit = git.create_commit(f"refs/heads/{BRANCH}", author, author, "Start\n", tree, [])
        return str(commit)

    @classmethod
    def check_source(cls, source: str, branch: str | None = None) -> None:
        """Check a source for `clone` without the network, and write nothing.

        Args:
            source: an absolute path or a URL; only a path is looked at.
            branch: its name; None: the one that is checked out there.

        Raises:
            CloneError: there is no such repository or branch, or it has no commits.
            InvalidInputError: the source has a password or is relative, or no branch can have this name.
        """
        cloning.check_source(source, branch)

    @classmethod
    def clone(
        cls,
        path: Path,
        source: str,
        branch: str | None = None,
        on_progress: Callable[[CloneProgress], None] = lambda _: None,
        most_bytes: int = cloning.MOST_BYTES,
    ) -> str:
        """Clone one branch of a repository, with its whole history and its tags.

        The clone appears at `path` when it is whole. It does not name its source, nor credentials. A
        repository that needs some is cloned by its user, who gives the path.

        Args:
            path: where nothing is yet.
            source: a path or a URL.
            branch: its name; None: the one that is checked out there.
            on_progress: called now and then; what it raises ends the clone, and is raised here.
            most_bytes: how much may be received.

        Returns:
            The newest commit of the branch.

        Raises:
            CloneError: there is no such repository or branch, it has no commits, cannot be reached or needs
                authentication.
            LimitExceededError: it is larger than `most_bytes`.
            ConflictError: something is at `path`.
            InvalidInputError: no branch can have this name.
        """
        libgit2.configure()
        return cloning.clone(path, source, branch, on_progress, most_bytes)

    def check_out(self, commit: str, directory: Path, limits: TreeLimits = TREE_LIMITS) -> None:
        """Write the files of a commit into a directory that is empty or does not exist.

        Links stay what they are, and directories of submodules are empty. No hook, filter or attribute of the
        repository has an effect. A `.git` of the directory's own lets git's commands work inside: it reads
        objects from this repository and writes its own.

        Raises:
            CommitMissingError: the repository does not have the commit.
            LimitExceededError: the commit is too large.
            RepositoryError: the commit has a name that no file can have, or the directory is not empty.
        """
        working_tree.check_out(self._git, self._commit(commit), directory, limits)

    def commit_directory(
        self,
        directory: Path,
        parent: str,
        author: Author,
        message: str,
        now: float,
        limits: TreeLimits = TREE_LIMITS,
        trailers: Mapping[str, str] = MappingProxyType({}),
    ) -> Committed | None:
        """Commit the files of a directory that `parent` was checked out into.

        Nothing in the directory is trusted: see `reading_back`. Files that `.gitignore` names are left out
        unless `parent` has them. Repositories inside the directory are not submodules: their files are
        committed, their `.git` is left out. Submodules of `parent` stay at their commits. The commit is on
        disk when this returns; nothing refers to it yet (see `keep`).

        Args:
            directory: the working tree.
            parent: the commit that was checked out there.
            author: who changed the files.
            message: the title, an empty line and the reason.
            now: seconds since the epoch, UTC.
            limits: of files and changes.
            trailers: the last lines of the message, such as `Recursor-Todo: 3f`.

        Returns:
            The commit, or None if nothing changed.

        Raises:
            CommitMissingError: the repository does not have `parent`.
            LimitExceededError: a changed file, or all that changed, is too large.
        """
        before = self._commit(parent)
        with quarantine(self._path) as objects:
            reader = WorkingTreeReader(objects, limits, IgnoredFiles(objects.scratch))
            tree = reader.read(directory, before.tree_id)
            if tree == before.tree_id:
                return None
            old, new = objects.git[before.tree_id], objects.git[tree]
            assert isinstance(old, pygit2.Tree)
            assert isinstance(new, pygit2.Tree)
            difference = differences.compare(objects.git, old, new, limit_bytes=0)
            reader.check_changes(len(difference.files))
            signature = author.at(now)
            text = with_trailers(message, trailers)
            commit = objects.git.create_commit(None, signature, signature, text, tree, [before.id])
            objects.adopt()
        return Committed(
            str(commit),
            str(tree),
            tuple([each.path for each in difference.files]),
            len(difference.files),
            difference.insertions,
            difference.deletions,
            reader.notes,
        )

    def merge(self, tip: str, proposed: str, author: Author, message: str, now: float) -> Merged | Conflicted:
        """Merge a proposed commit onto the tip. No reference moves.

        If the proposal follows the tip, it is the result. If it is one commit that follows an older tip, the
        result is a commit with its author and message that follows this tip. If it is several, the result is
        a merge of both. If all of it is in the tip already, the result is the tip.

        Args:
            tip: the commit that the result follows.
            proposed: the commit to be merged.
            author: who merges.
            message: of a commit that merges several commits.
            now: seconds since the epoch, UTC.

        Raises:
            CommitMissingError: the repository does not have one of the commits.
        """
        with quarantine(self._path) as objects:
            result = merging.merge(objects, self._commit(tip), self._commit(proposed), author, message, now)
            objects.adopt()
        return result

    def log(self, commit: str, limit: int, path: str = "", *, offset: int = 0) -> tuple[CommitSummary, ...]:
        """Return `commit` and those before it, the newest first.

        Args:
            commit: where to begin.
            limit: how many at most.
            path: only commits that changed this file or directory, among the `history.MOST_SEARCHED` newest;
                empty: all.
            offset: how many to leave out.

        Raises:
            CommitMissingError: the repository does not have the commit.
        """
        found = history.log(self._git, self._commit(commit), names.unquoted(path).strip(b"/"))
        return tuple(islice(found, offset, offset + limit))

    def find(self, name: str) -> str:
        """Return the hash of the commit with this name.

        Args:
            name: its hash or the first four digits of it or more, each `^` after them for the first parent.

        Raises:
            CommitMissingError: there is no such commit, or several begin so.
        """
        digits = name.rstrip("^")
        if not _DIGITS.fullmatch(digits):
            raise CommitMissingError(f"commit {name[:60]!r}: give the first four digits of its hash or more")
        try:
            found = self._git[digits].peel(pygit2.Commit)
        except KeyError:
            raise CommitMissingError(f"no commit {name} in this repository") from None
        except ValueError:
            raise CommitMissingError(f"commit {name}: several begin so: give more digits") from None
        except pygit2.GitError:
            raise CommitMissingError(f"{name}: is not a commit") from None
        for _ in name[len(digits) :]:
            parents = found.parent_ids
            if not parents:
                raise CommitMissingError(f"commit {name}: {found.short_id} is the first one")
            found = self._git[parents[0]].peel(pygit2.Commit)
        return str(found.id)

    def tree(self, commit: str, path: str = "", *, offset: int = 0, limit: int = 1_000) -> Listing:
        """Return a part of a directory.

        Args:
            commit: the version.
            path: the directory; empty: the root.
            offset: how many entries to leave out.
            limit: how many to return at most.

        Raises:
            CommitMissingError: the repository does not have the commit.
            NotFoundError: it has no such directory.
        """
        where = names.unquoted(path)
        return history.listing(self._git, self._commit(commit), where, offset=offset, limit=limit)

    def file(self, commit: str, path: str, limit: int) -> bytes:
        """Return a file's content; of a link, where it leads.

        Args:
            commit: the version.
            path: the file.
            limit: bytes.

        Raises:
            CommitMissingError: the repository does not have the commit.
            NotFoundError: it has no such file.
            LimitExceededError: the file is larger than `limit`; it was not read.
        """
        return history.content(self._git, self._commit(commit), names.unquoted(path), limit)

    def diff(self, old: str, new: str, limit_bytes: int, paths: Collection[str] = ()) -> Difference:
        """Return how two commits differ.

        Files of more than `differences.LARGEST_COMPARED` bytes are listed, and not compared; so are those
        beyond `differences.MOST_COMPARED` bytes in all.

        Args:
            old: what was.
            new: what is.
            limit_bytes: of the text; it has whole files, and says how many are left out.
            paths: only these files, and what is below these directories; empty: all.

        Raises:
            CommitMissingError: the repository does not have one of the commits.
        """
        trees = self._commit(old).tree, self._commit(new).tree
        chosen = [names.unquoted(path) for path in paths]
        return differences.compare(self._git, *trees, limit_bytes=limit_bytes, paths=chosen)

    def files_changed(self, old: str, new: str) -> tuple[FileDifference, ...]:
        """Return which files differ in two commits, without counts of lines.

        Raises:
            CommitMissingError: the repository does not have one of the commits.
        """
        return tuple(differences.changed_files(self._git, self._commit(old).tree, self._commit(new).tree)[1])

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Return whether `newer` is `older` or follows it.

        Raises:
            CommitMissingError: the repository does not have one of the commits.
        """
        commits = self._commit(older).id, self._commit(newer).id
        return commits[0] == commits[1] or self._git.descendant_of(commits[1], commits[0])

    def exists(self, commit: str) -> bool:
        """Return whether the repository has the commit."""
        try:
            self._commit(commit)
        except CommitMissingError:
            return False
        return True

    def set_branch(self, branch: str, commit: str) -> None:
        """Set a branch to a commit; it is on disk when this returns.

        Raises:
            CommitMissingError: the repository does not have the commit.
            InvalidInputError: no branch can have this name.
        """
        references.write(self._path, references.branch_reference(branch), self._commit(commit).id)

    def branches(self) -> tuple[str, ...]:
        """Return the names of its branches, sorted."""
        return tuple(sorted(self._git.branches.local))

    def branch(self, branch: str) -> str | None:
        """Return the commit of a branch, or None if there is no such branch.

        Raises:
            InvalidInputError: no branch can have this name.
        """
        found = self._git.references.get(references.branch_reference(branch))
        return None if found is None else str(found.target)

    def keep(self, name: str, commit: str) -> None:
        """Keep a commit from being removed by `compact`; it is on disk when this returns.

        Args:
            name: any text, such as `runs/<key>`; the commit kept under it before is forgotten.
            commit: its hash.

        Raises:
            CommitMissingError: the repository does not have the commit.
        """
        references.write(self._path, references.kept_reference(name), self._commit(commit).id)

    def forget(self, name: str) -> None:
        """Keep a commit no longer; nothing happens if none is kept under this name."""
        references.remove(self._git, references.kept_reference(name))

    def kept(self) -> dict[str, str]:
        """Return the commits that are kept, by their names."""
        return references.kept(self._git)

    def compact(self, seconds: float = 600) -> bool:
        """Pack the repository, and remove what neither a branch, a tag nor `keep` refers to for two hours.

        Other threads and processes may go on using it.

        Args:
            seconds: how long it may take.

        Returns:
            Whether it was done: it needs the program `git`.

        Raises:
            RepositoryError: git failed or took too long; the repository is as it was.
        """
        return compaction.compact(self._path, seconds)

    def remove_unfinished(self) -> None:
        """Remove what processes that ended have left. None must be writing to the repository."""
        creation.remove_unfinished_objects(self._path)

    def size(self) -> int:
        """Return the bytes that the repository takes on the disk."""
        return removal.bytes_on_disk(self._path)

    def _commit(self, commit: str) -> pygit2.Commit:
        try:
            found = self._git[pygit2.Oid(hex=commit)]
        except (KeyError, ValueError):
            pass
        else:
            if found.type == ObjectType.COMMIT:
                return found.peel(pygit2.Commit)
        raise CommitMissingError(f"{self._path}: no commit {commit}")
