"""Files of a working tree, read and changed by their paths for a program that nobody trusts.

No path leads out of the tree: every directory is opened below the one before, links are not followed, and
what is no plain file, or has a second name somewhere, is not opened. `.git` is not reached.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from recursor.domain.errors import NotFoundError
from recursor.workspaces import removal
from recursor.workspaces.errors import LimitExceededError, RepositoryError
from recursor.workspaces.history import Kind, ListedFile, Listing
from recursor.workspaces.names import is_dot_git, is_name, quoted, shown, unquoted
from recursor.workspaces.reading_back import DEEPEST, LONGEST_PATH
from recursor.workspaces.sandbox.bubblewrap import TREE
from recursor.workspaces.working_tree import directory_below, root_of

# A pipe in a file's place must not block.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

MOST_ENTRIES = 20_000
"""Entries of one directory that are looked at."""

_REASONS = {
    errno.ENOENT: "no such file or directory",
    errno.ENOTDIR: "a part of it is no directory, or a link, which is not followed",
    errno.ELOOP: "a link, which is not followed",
    errno.EISDIR: "a directory",
    errno.EEXIST: "exists already",
    errno.ENOTEMPTY: "a directory that is not empty",
    errno.EACCES: "permission denied",
    errno.ENAMETOOLONG: "a name that is too long",
    errno.ENOSPC: "the disk is full",
}


class TreePathError(RepositoryError):
    """A path cannot be used in a working tree. Nothing was written."""


class _Place(NamedTuple):
    above: bytes
    """The names of the directories, each followed by "/"."""
    name: bytes
    """The last name; empty for the tree itself."""

    @property
    def path(self) -> bytes:
        return self.above + self.name


class TreeFiles:
    """The files of one working tree. All methods block.

    Paths are relative to the tree, or begin with the place where commands see it, and may be quoted as
    `names.quoted` does.
    """

    def __init__(self, directory: Path, most_bytes: int) -> None:
        """Use the tree in `directory`; no file of more than `most_bytes` is read or written."""
        self._directory = directory
        self._most_bytes = most_bytes

    def path(self, path: str) -> str:
        """Return a path in its simplest form, relative to the tree; empty for the tree itself.

        Raises:
            TreePathError: it leads out of the tree, or names what no file can have.
        """
        return os.fsdecode(self._place(path).path)

    def kind(self, path: str) -> Kind:
        """Return what is at a path; whatever is neither file, directory nor link is a "file".

        Raises:
            NotFoundError: nothing is there.
            TreePathError: the path cannot be used.
        """
        place = self._place(path)
        if not place.name:
            return "directory"
        with self._opened(place) as directory:
            return _kind(os.stat(place.name, dir_fd=directory, follow_symlinks=False).st_mode)

    def directory(self, path: str, limit: int) -> Listing:
        """Return a part of a directory, sorted by name, without `.git`.

        Args:
            path: the directory.
            limit: how many entries to return at most.

        Raises:
            NotFoundError: there is no such directory.
            TreePathError: the path cannot be used.
        """
        place = self._place(path)
        above = place.path + b"/" if place.name else b""
        entries: list[ListedFile] = []
        with self._opened(_Place(above, b"")) as directory:
            names = _names(directory)
            for name in names[:limit]:
                with suppress(FileNotFoundError):
                    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    size = found.st_size if stat.S_ISREG(found.st_mode) else None
                    entries.append(ListedFile(quoted(above + name), _kind(found.st_mode), size))
        return Listing(tuple(entries), len(names))

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            NotFoundError: there is no such file.
            LimitExceededError: it is too large; it was not read.
            TreePathError: it is no plain file, or the path cannot be used.
        """
        place = self._file(path)
        with self._opened(place) as directory:
            _check_plain(place, os.stat(place.name, dir_fd=directory, follow_symlinks=False))
            with open(os.open(place.name, _READ, dir_fd=directory), "rb") as file:
                found = os.fstat(file.fileno())
                _check_plain(place, found)
                self._check_size(place, found.st_size)
                content = file.read(self._most_bytes + 1)
        self._check_size(place, len(content))
        return content

    def write(self, path: str, content: bytes) -> bool:
        """Write a file, with the directories that it needs; its permissions stay. It appears whole.

        Returns:
            Whether it is new.

        Raises:
            LimitExceededError: it is too large.
            TreePathError: something that is no plain file is there, or the path cannot be used.
        """
        place = self._file(path)
        self._check_size(place, len(content))
        with self._opened(place, make=True) as directory:
            mode, is_new = 0o644, True
            with suppress(FileNotFoundError):
                found = os.stat(place.name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode):
                    raise TreePathError(f"{shown(place.path)}: {_described(found.st_mode)}: remove it first")
                mode, is_new = found.st_mode & 0o777, False
            # A new file in its place: another name of the old one, wherever it is, keeps the old content.
            unfinished = b".recursor-" + secrets.token_hex(8).encode()
            try:
                with open(os.open(unfinished, _NEW, 0o600, dir_fd=directory), "wb") as file:
                    file.write(content)
                    os.fchmod(file.fileno(), mode)
                os.rename(unfinished, place.name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(unfinished, dir_fd=directory)
                raise
        return is_new

    def remove(self, path: str) -> None:
        """Remove a file, a link, or a directory with all that it holds.

        Raises:
            NotFoundError: nothing is there.
            TreePathError: the path cannot be used.
        """
        place = self._file(path)
        with self._opened(place) as directory:
            if not stat.S_ISDIR(os.stat(place.name, dir_fd=directory, follow_symlinks=False).st_mode):
                os.unlink(place.name, dir_fd=directory)
                return
            # Into a directory that nothing else can reach, where it is removed by its path.
            aside = b".recursor-" + secrets.token_hex(8).encode()
            with root_of(self._directory) as root:
                os.rename(place.name, aside, src_dir_fd=directory, dst_dir_fd=root)
            removal.remove(self._directory / os.fsdecode(aside))

    def move(self, source: str, target: str) -> None:
        """Move a file or a directory to a path where nothing is, with the directories that it needs.

        Raises:
            NotFoundError: there is no source.
            TreePathError: something is at the target, or a path cannot be used.
        """
        old, new = self._file(source), self._file(target)
        self.kind(source)
        with self._opened(old) as before, self._opened(new, make=True) as after:
            with suppress(FileNotFoundError):
                os.stat(new.name, dir_fd=after, follow_symlinks=False)
                raise TreePathError(f"{shown(new.path)}: exists already: remove it first")
            os.rename(old.name, new.name, src_dir_fd=before, dst_dir_fd=after)

    def _file(self, path: str) -> _Place:
        place = self._place(path)
        if not place.name:
            raise TreePathError(f"{path[:200]!r}: the tree itself: name a file in it")
        return place

    def _place(self, path: str) -> _Place:
        raw = unquoted(path)
        for root in (os.fsencode(TREE), os.fsencode(self._directory)):
            if raw == root or raw.startswith(root + b"/"):
                raw = raw[len(root) + 1 :]
                break
        if raw.startswith(b"/"):
            raise TreePathError(f"{shown(raw)}: outside the tree: give a path in it, such as src/main.py")
        names = [name for name in raw.split(b"/") if name not in {b"", b"."}]
        if b".." in names:
            raise TreePathError(f"{shown(raw)}: has .. in it: give the path from the top of the tree")
        if any(is_dot_git(name) for name in names):
            raise TreePathError(f"{shown(raw)}: git's own directory cannot be used here")
        if not all(map(is_name, names)):
            raise TreePathError(f"{shown(raw)}: no file can be named so")
        path_bytes = b"/".join(names)
        if len(path_bytes) > LONGEST_PATH or len(names) > DEEPEST:
            raise TreePathError(f"{shown(raw)}: a path that is too long")
        above, _, name = path_bytes.rpartition(b"/")
        return _Place(above + b"/" if above else b"", name)

    @contextmanager
    def _opened(self, place: _Place, *, make: bool = False) -> Iterator[int]:
        """Open the directory of a place.

        Raises:
            NotFoundError: it, or a file looked for within the block, does not exist.
            TreePathError: it cannot be opened, or what was tried within the block failed.
        """
        try:
            with root_of(self._directory) as root:
                if make:
                    _make(root, place.above)
                with directory_below(root, place.above) as directory:
                    yield directory
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, error.strerror)
            kind = NotFoundError if error.errno == errno.ENOENT else TreePathError
            raise kind(f"{shown(place.path or b'.')}: {reason}") from None

    def _check_size(self, place: _Place, size: int) -> None:
        if size > self._most_bytes:
            raise LimitExceededError(f"{shown(place.path)}: {size:,} bytes, more than {self._most_bytes:,}")


def _make(root: int, above: bytes) -> None:
    path = b""
    for name in above.split(b"/")[:-1]:
        with directory_below(root, path) as directory, suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=directory)
        path += name + b"/"


def _names(directory: int) -> list[bytes]:
    names: list[bytes] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if not is_dot_git(name):
                names.append(name)
            if len(names) == MOST_ENTRIES:
                break
    return sorted(names)


def _check_plain(place: _Place, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise TreePathError(f"{shown(place.path)}: {_described(found.st_mode)}")
    if found.st_nlink > 1:
        raise TreePathError(
            f"{shown(place.path)}: a hard link, which may be to a file outside the tree: copy it first"
        )


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return "link"
    return "executable" if stat.S_ISREG(mode) and mode & 0o100 else "file"


def _described(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a link, which is not followed" if stat.S_ISLNK(mode) else "no plain file"
