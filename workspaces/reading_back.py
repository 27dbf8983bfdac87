"""What an agent left in a working tree, as a tree of the repository.

Nothing in the directory is trusted. Its own `.git` is not read. Every file is opened without following
links, below the directory's own descriptor, so that no change in the meantime leads out of it. No filter or
attribute has an effect: files are stored byte for byte.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from recursor.workspaces.errors import LimitExceededError
from recursor.workspaces.ignored_files import MOST_BYTES, IgnoredFiles
from recursor.workspaces.names import is_dot_git, shown
from recursor.workspaces.objects import (
    DIRECTORY,
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    Quarantine,
    TreeEntry,
    read_tree,
    tree_bytes,
)
from recursor.workspaces.working_tree import TreeLimits, directory_below, root_of

# A pipe in a file's place must not block.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

LONGEST_PATH = 4_000
"""Bytes of a path in a tree: Linux opens paths of up to 4,095 bytes."""

DEEPEST = 200
"""Directories above a file."""

MOST_NOTES = 20
"""How many files that were left out are named."""


class WorkingTreeReader:
    """Reads one working tree back; see the module."""

    def __init__(self, objects: Quarantine, limits: TreeLimits, ignored: IgnoredFiles) -> None:
        """Read into `objects`."""
        self._objects = objects
        self._limits = limits
        self._ignored = ignored
        self._changed_files = 0
        self._changed_bytes = 0
        self._left_out: list[str] = []
        self._number_left_out = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the tree, and why; a line each."""
        more = self._number_left_out - len(self._left_out)
        return (*self._left_out, *([f"{more:,} more were left out"] if more > 0 else []))

    def read(self, directory: Path, before: pygit2.Oid) -> pygit2.Oid:
        """Return the tree of a directory.

        Args:
            directory: the working tree.
            before: the tree that was checked out there. Its files stay, even if `.gitignore` names them.

        Raises:
            LimitExceededError: a file, or all that changed, is too large.
        """
        found: dict[bytes, list[TreeEntry]] = {}
        with root_of(directory) as root:
            pending: list[tuple[bytes, pygit2.Oid | None, bool]] = [(b"", before, False)]
            while pending:
                path, tree, ignored = pending.pop()
                known = {} if tree is None else {e.name: e for e in read_tree(self._objects.git, tree)}
                # A directory that is gone meanwhile, or has become a link, has no files.
                with suppress(FileNotFoundError, NotADirectoryError), directory_below(root, path) as opened:
                    found[path] = []
                    pending += self._directory(opened, path, known, ignored, found[path])
        return self._trees(found)

    def _directory(
        self,
        directory: int,
        path: bytes,
        known: dict[bytes, TreeEntry],
        ignored: bool,
        entries: list[TreeEntry],
    ) -> Iterable[tuple[bytes, pygit2.Oid | None, bool]]:
        names = sorted(os.fsencode(name) for name in os.listdir(directory))
        if not ignored and b".gitignore" in names:
            self._rules(directory, path)
        inner = []
        for name in names:
            before = known.get(name)
            try:
                mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
            except FileNotFoundError:
                continue
            here = path + name
            if is_dot_git(name):
                if here != b".git":
                    self._leave_out(here, "it would be taken for a repository's own")
                continue
            if len(here) > LONGEST_PATH:
                raise LimitExceededError(
                    f"{shown(here)}: a path of {len(here):,} bytes, more than {LONGEST_PATH:,}"
                )
            if here.count(b"/") > DEEPEST:
                raise LimitExceededError(f"{shown(here)}: in more than {DEEPEST} directories")
            is_directory = stat.S_ISDIR(mode)
            hidden = ignored or self._ignored.has(here + b"/" if is_directory else here)
            if hidden and before is None:
                continue
            if is_directory:
                if before is not None and before.mode == SUBMODULE:
                    entries.append(before)
                else:
                    subtree = before.id if before is not None and before.mode == DIRECTORY else None
                    inner.append((here + b"/", subtree, hidden))
            elif (entry := self._entry(directory, name, here, mode, before)) is not None:
                entries.append(entry)
        return inner

    def _rules(self, directory: int, path: bytes) -> None:
        # A link is not followed, as git does since 2.32.
        with suppress(OSError), open(os.open(b".gitignore", _READ, dir_fd=directory), "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode):
                self._ignored.add(path, file.read(MOST_BYTES + 1))

    def _entry(
        self, directory: int, name: bytes, path: bytes, mode: int, before: TreeEntry | None
    ) -> TreeEntry | None:
        try:
            if stat.S_ISLNK(mode):
                if name.lower() == b".gitmodules":
                    self._leave_out(path, "git refuses it as a link")
                    return None
                return self._stored(path, name, LINK, os.readlink(name, dir_fd=directory), before)
            if stat.S_ISREG(mode):
                return self._file(directory, name, path, before)
        except PermissionError:
            self._leave_out(path, "it cannot be read")
            return before
        except OSError:
            # It has vanished or become something else since it was listed.
            self._leave_out(path, "it changed while it was read")
            return None
        self._leave_out(path, "it is neither a file, a directory nor a link")
        return None

    def _file(self, directory: int, name: bytes, path: bytes, before: TreeEntry | None) -> TreeEntry | None:
        with open(os.open(name, _READ, dir_fd=directory), "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                self._leave_out(path, "it changed while it was read")
                return None
            mode = EXECUTABLE if found.st_mode & 0o100 else FILE
            if found.st_size > self._limits.file_bytes:
                if before is None or not self._is_unchanged(file.fileno(), found.st_size, before):
                    raise LimitExceededError(
                        f"{shown(path)}: {found.st_size:,} bytes, more than the {self._limits.file_bytes:,} "
                        "that a changed file may have"
                    )
                return TreeEntry(name, mode, before.id)
            # It may grow meanwhile.
            content = bytearray()
            while len(content) <= self._limits.file_bytes and (more := file.read(1024 * 1024)):
                content += more
        if len(content) > self._limits.file_bytes:
            raise LimitExceededError(
                f"{shown(path)}: more than the {self._limits.file_bytes:,} bytes that a changed file may have"
            )
        return self._stored(path, name, mode, bytes(content), before)

    def _is_unchanged(self, descriptor: int, size: int, before: TreeEntry) -> bool:
        if before.mode not in {FILE, EXECUTABLE} or self._objects.git.odb.read_header(before.id)[1] != size:
            return False
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        while size > 0 and (content := os.read(descriptor, min(size, 1024 * 1024))):
            digest.update(content)
            size -= len(content)
        return digest.digest() == before.id.raw

    def _stored(
        self, path: bytes, name: bytes, mode: int, content: bytes, before: TreeEntry | None
    ) -> TreeEntry:
        digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
        digest.update(content)
        oid = pygit2.Oid(raw=digest.digest())
        if before is not None and before.id == oid and before.mode == mode:
            return before
        self._changed_files += 1
        self._changed_bytes += len(content)
        self.check_changes(self._changed_files)
        if self._changed_bytes > self._limits.changed_bytes:
            raise LimitExceededError(
                f"{shown(path)}: more than {self._limits.changed_bytes:,} bytes in new and changed files"
            )
        self._objects.write(ObjectType.BLOB, content)
        return TreeEntry(name, mode, oid)

    def check_changes(self, files: int) -> None:
        """Refuse more changed files than allowed.

        Raises:
            LimitExceededError: these are too many.
        """
        if files > self._limits.changed_files:
            raise LimitExceededError(f"more than {self._limits.changed_files:,} files changed")

    def _leave_out(self, path: bytes, reason: str) -> None:
        self._number_left_out += 1
        if len(self._left_out) < MOST_NOTES:
            self._left_out.append(f"{shown(path)} was left out: {reason}")

    def _trees(self, found: dict[bytes, list[TreeEntry]]) -> pygit2.Oid:
        """Write the directories, the innermost first: each was found after the one that holds it."""
        for path in reversed(list(found)):
            entries = found[path]
            if path == b"":
                break
            if entries:
                above, _, name = path[:-1].rpartition(b"/")
                tree = self._objects.write(ObjectType.TREE, tree_bytes(entries))
                found[above + b"/" if above else b""].append(TreeEntry(name, DIRECTORY, tree))
        return self._objects.write(ObjectType.TREE, tree_bytes(found[b""]))
