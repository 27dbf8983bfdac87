"""A log that never fills the disk: lines at the end of a file, which is replaced when it is full.

Several processes may write to the same file, and any number may read it. Each line is one write at the end of
the file, so that readers see whole lines, and a killed process leaves at most its last line unfinished.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

# Some 40,000 records, and five times that with the old files: a day or two of a busy runner.
FULL_BYTES = 10 * 1024 * 1024
KEPT_FILES = 4


class LogFile:
    """Appends to `path`; older lines are in files with .1, .2 and so on appended. Thread-safe."""

    def __init__(self, path: Path, *, full_bytes: int = FULL_BYTES, kept: int = KEPT_FILES) -> None:
        """Name the log; the first line creates it and its directory.

        Args:
            path: the file.
            full_bytes: the size at which it is replaced.
            kept: how many full files to keep.
        """
        self._path = path
        self._full_bytes = full_bytes
        self._kept = kept
        self._guard = threading.Lock()
        self._torn = False
        self._file: int | None = None
        self._directory: int | None = None
        self._closed = False
        self.problem: str | None = None
        """Why the last line could not be written; None if it was."""
        self.lost = 0
        """Number of lines that could not be written."""

    def write(self, lines: bytes) -> None:
        """Append whole lines, each with its line break.

        Lines that cannot be written, as on a full disk, are lost: logging must not stop a runner.
        """
        with self._guard:
            try:
                self._append(lines)
                self.problem = None
            except OSError as error:
                self.problem = error.strerror or str(error)
                self.lost += lines.count(b"\n")

    def close(self) -> None:
        """Close the file; later lines are lost. Closing twice is fine."""
        with self._guard:
            self._closed = True
            self._release()

    def _append(self, lines: bytes) -> None:
        if self._closed:
            raise OSError("the log is closed")
        if self._file is None:
            self._begin()
        assert self._file is not None
        assert self._directory is not None
        # Writers keep others from replacing the file, so that nothing is added to a replaced one.
        fcntl.flock(self._directory, fcntl.LOCK_SH)
        try:
            if self._replaced() or self._is_full(len(lines)):
                self._renew(len(lines))
            if self._torn:
                lines = b"\n" + lines
            written = os.write(self._file, lines)
            self._torn = written < len(lines)
            if self._torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            if self._directory is not None:
                fcntl.flock(self._directory, fcntl.LOCK_UN)

    def _replaced(self) -> bool:
        """Whether another process or a person has moved the file."""
        try:
            return self._file is None or not os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return True

    def _is_full(self, room: int) -> bool:
        size = 0 if self._file is None else os.fstat(self._file).st_size
        return size > 0 and size + room > self._full_bytes

    def _renew(self, room: int) -> None:
        """Open the current file, after replacing it if it is full."""
        self._release()
        self._begin()
        assert self._directory is not None
        fcntl.flock(self._directory, fcntl.LOCK_EX)
        if self._replaced():
            self._reopen()
        if self._is_full(room):
            self._rotate()
            self._reopen()

    def _begin(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        self._reopen()

    def _reopen(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        # Like the store, it is only for its owner.
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def _release(self) -> None:
        for descriptor in (self._file, self._directory):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._directory = None

    def _rotate(self) -> None:
        names = [self._path, *(numbered(self._path, number) for number in range(1, self._kept + 1))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                newer.replace(older)


def numbered(path: Path, number: int) -> Path:
    """Return the name of the log after `number` replacements."""
    return path.with_name(f"{path.name}.{number}")
