"""One stack's git repository, without a working tree."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from recursor.domain.extras import needing
from recursor.workspaces.errors import CommitMissingError

with needing("workspaces", "A workspace"):
    import pygit2
    from pygit2.enums import ObjectType

    from recursor.workspaces import creation, differences, libgit2, merging, working_tree
    from recursor.workspaces.commit import Author, with_trailers
    from recursor.workspaces.ignored_files import IgnoredFiles
    from recursor.workspaces.merging import Conflicted, Merged
    from recursor.workspaces.objects import quarantine
    from recursor.workspaces.reading_back import WorkingTreeReader
    from recursor.workspaces.working_tree import TreeLimits

BRANCH = "main"
"""The branch of a new repository."""

TREE_LIMITS = TreeLimits()
"""The limits unless others are given."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that was made of a working tree."""

    commit: str
    """Its hash."""

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
            str(commit), len(difference.files), difference.insertions, difference.deletions, reader.notes
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

    def _commit(self, commit: str) -> pygit2.Commit:
        try:
            found = self._git[pygit2.Oid(hex=commit)]
        except (KeyError, ValueError):
            pass
        else:
            if found.type == ObjectType.COMMIT:
                return found.peel(pygit2.Commit)
        raise CommitMissingError(f"{self._path}: no commit {commit}")
