"""Reads the log that a runner keeps, and goes on reading while it is written, replaced, and begun anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType

import orjson

from recursor.domain.log import LogRecord
from recursor.runner.log_file import numbered
from recursor.storage.errors import StorageError


class LogReader:
    """The log at one path, with what was replaced. Close it, for instance with `with`."""

    def __init__(self, path: Path, wanted: Callable[[LogRecord], bool] = lambda _: True) -> None:
        """Prepare to read; the log need not be there yet.

        Args:
            path: the file that is written to.
            wanted: which records are.
        """
        self._path = path
        self._wanted = wanted
        self._file: int | None = None
        self._rest = b""

    def newest(self, limit: int | None, since: str | None = None) -> list[LogRecord]:
        """Return the last records, oldest first; `newer` goes on from there.

        Args:
            limit: how many at most, 1 or more; None for all.
            since: only those of this time (RFC 3339, UTC, with microseconds) and later.

        Raises:
            StorageError: the log cannot be read.
        """
        found: list[LogRecord] = []
        for records in self._files_newest_first():
            fitting = [r for r in records if self._wanted(r) and (since is None or str(r["time"]) >= since)]
            found = fitting + found
            if (limit is not None and len(found) >= limit) or (
                since is not None and records and str(records[0]["time"]) < since
            ):
                break
        return found if limit is None else found[-limit:]

    def newer(self) -> list[LogRecord]:
        """Return what has been logged since the last time, oldest first.

        Raises:
            StorageError: the log cannot be read.
        """
        with explained(self._path):
            found = self._read_on()
            # It may have been replaced several times.
            while (newer := self._open_next()) is not None:
                # Nothing is added to a file that has been replaced, but something may have been before.
                found += self._read_on()
                self._take(newer)
                found += self._read_on()
        return [record for record in found if self._wanted(record)]

    def close(self) -> None:
        """Let go of the file. Closing twice is fine."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> LogReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _files_newest_first(self) -> Iterator[list[LogRecord]]:
        with explained(self._path):
            file = _opened(self._path)
            if file is not None:
                self._take(file)
                read = {_identity(os.fstat(file))}
                yield self._read_on()
                for path in log_names(self._path):
                    # It may have been replaced since: then this is one that was read already.
                    older = _opened(path)
                    if older is not None:
                        with open(older, "rb") as content:
                            identity = _identity(os.fstat(older))
                            if identity not in read:
                                read.add(identity)
                                yield _records(content.read())

    def _open_next(self) -> int | None:
        """Return the file that was begun after the one that is being read; None: there is none yet."""
        while True:
            newer, ours = self._neighbours()
            file = None if newer is None else _opened(newer)
            if file is None:
                return None
            if ours is None or self._is_ours(ours):
                return file
            # It was replaced meanwhile, so that this is one too far.
            os.close(file)

    def _neighbours(self) -> tuple[Path | None, Path | None]:
        """Return the names of the next file, None if ours is the newest, and of ours, None if it is gone."""
        newer: Path | None = None
        for path in log_names(self._path):
            if self._is_ours(path):
                return newer, path
            if path.exists():
                newer = path
        # All that there is came later.
        return newer, None

    def _is_ours(self, path: Path) -> bool:
        if self._file is None:
            return False
        try:
            return os.path.samestat(path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _take(self, file: int) -> None:
        self.close()
        self._file = file
        self._rest = b""

    def _read_on(self) -> list[LogRecord]:
        if self._file is None:
            return []
        text = self._rest
        while chunk := os.read(self._file, 1 << 20):
            text += chunk
        # What has no line break yet is being written.
        lines, _, self._rest = text.rpartition(b"\n")
        return _records(lines)


def log_names(path: Path) -> Iterator[Path]:
    """Yield the names that there may be files of a log at, newest first."""
    missing = 0
    for number in count(0):
        name = numbered(path, number) if number else path
        yield name
        # While they are moved, each by one, there is a gap.
        missing = 0 if name.exists() else missing + 1
        if missing > 1:
            return


def record_in(line: bytes) -> LogRecord | None:
    """Return the record that a line is; None for half a one, as a killed process or a full disk leaves."""
    with suppress(orjson.JSONDecodeError):
        record = orjson.loads(line)
        if isinstance(record, dict) and "time" in record:
            return record
    return None


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _records(lines: bytes) -> list[LogRecord]:
    found = map(record_in, lines.split(b"\n"))
    return [record for record in found if record is not None]


class explained:  # noqa: N801  # reads as a statement
    """Turns errors of the file system into one of ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise StorageError(
                f"{self._path}: cannot be read: {error.strerror}: let this user read it"
            ) from error
