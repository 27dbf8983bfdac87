"""A log that never fills the disk: lines at the end of a file, which is replaced when it is full.

Several processes may write to the same one, and any number read it meanwhile. Each line is one write at the
end of the file, so that whoever reads sees whole lines, and a process that is killed leaves at most its last
one unfinished.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

# Some 40,000 records, and five times that with those that are kept: a day or two of a busy runner.
FULL_BYTES = 10 * 1024 * 1024
KEPT_FILES = 4


class LogFile:
    """Appends to `path`; older lines are in `path` with .1, .2 and so on added. For any thread."""

    def __init__(self, path: Path, *, full_bytes: int = FULL_BYTES, kept: int = KEPT_FILES) -> None:
        """Open the log, making its directory if need be.

        Args:
            path: the file.
            full_bytes: the size at which it is replaced.
            kept: how many full files stay.

        Raises:
            OSError: it cannot be opened.
        """
        self._path = path
        self._full_bytes = full_bytes
        self._kept = kept
        self._guard = threading.Lock()
        self._torn = False
        self._lost = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: int | None = self._open()

    def write(self, lines: bytes) -> None:
        """Append whole lines, each with its line break.

        What cannot be written, because the disk is full for one, is lost: a log is not worth a runner.
        """
        with self._guard:
            try:
                self._append(lines)
            except OSError:
                self._lost += lines.count(b"\n")

    def collect_lost(self) -> int:
        """Return how many lines could not be written since this was asked last."""
        with self._guard:
            lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        """Let go of the file; what is written afterwards is lost. Closing twice is fine."""
        with self._guard:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _append(self, lines: bytes) -> None:
        if self._file is None:
            raise OSError("the log is closed")
        if os.fstat(self._file).st_size + len(lines) > self._full_bytes or self._replaced():
            self._renew(len(lines))
        if self._torn:
            lines = b"\n" + lines
        written = os.write(self._file, lines)
        self._torn = written < len(lines)
        if self._torn:
            raise OSError("there was no room for the whole line")

    def _replaced(self) -> bool:
        """Whether another process, or a person, has moved the file away."""
        try:
            there, ours = os.stat(self._path), os.fstat(self._file or 0)
        except FileNotFoundError:
            return True
        return (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev)

    def _renew(self, room: int) -> None:
        """Open the file that is there now, after replacing it if it is full."""
        with suppress(OSError):
            # One process replaces it, and the others find it replaced.
            lock = os.open(self._path.parent, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                size = self._path.stat().st_size if self._path.exists() else 0
                if size and size + room > self._full_bytes:
                    self._rotate()
            finally:
                os.close(lock)
        opened = self._open()
        if self._file is not None:
            os.close(self._file)
        self._file = opened
        self._torn = False

    def _rotate(self) -> None:
        names = [self._path, *(numbered(self._path, number) for number in range(1, self._kept + 1))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                newer.replace(older)

    def _open(self) -> int:
        # Like the store, it is for its owner's eyes only.
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def numbered(path: Path, number: int) -> Path:
    """Return the name of the log that was replaced `number` times."""
    return path.with_name(f"{path.name}.{number}")
