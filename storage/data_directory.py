"""One runner per data directory: the runner's lock, which also names the runner to others."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from zlib import crc32

from recursor.storage.errors import DirectoryInUseError, StorageError, StorageFullError

LOCK_FILE = "runner.lock"

Detail = str | int | float | bool | None

# One page, written by one call and read by one. On a busy machine a reader may still see half of a write:
# POSIX forbids it, but ext4 does not comply. The checksum detects it.
RECORD_BYTES = 4096
_CHECKSUM = "crc32"

# Readers also hold the lock, shared, for some microseconds: a refusal counts only after 0.1 s of retries.
ATTEMPTS = 10
PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a data directory."""

    pid: int
    host: str
    started_at: datetime
    """UTC."""
    details: Mapping[str, Detail] = field(default_factory=dict)
    """Further entries, such as the `url` that it serves."""


class DataDirectoryLock:
    """This process's exclusive lock on a data directory.

    The system releases it when the process ends, however it ends, so it is never stale. It is a `flock` on
    the file `runner.lock`, which is never removed: otherwise one process could hold the removed file and
    another the new one. A forked child shares the lock until it ends, too; an executed program doesn't. Not
    for network filesystems: on NFS the lock may bind only the processes of one machine, and LMDB doesn't
    work.
    """

    def __init__(self, directory: Path, *, started_at: datetime) -> None:
        """Lock `directory`, and create it if necessary.

        Args:
            directory: The data directory.
            started_at: When this process started; with a time zone.

        Raises:
            DirectoryInUseError: Another process has locked it; the text names the process.
            StorageError: The lock file can't be created or written.
        """
        self._directory = directory
        self._holder = Holder(pid=os.getpid(), host=socket.gethostname(), started_at=started_at)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: int | None = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _cannot_use(directory, error) from error
        try:
            self._lock(self._file)
            self._write(self._holder)
        except BaseException:
            self.release()
            raise

    def update(self, **details: Detail) -> None:
        """Add entries that `holder` returns to others, such as the `url` that this process serves.

        Raises:
            StorageError: The lock was released, or its record is full or can't be written.
        """
        changed = replace(self._holder, details={**self._holder.details, **details})
        self._write(changed)
        self._holder = changed

    def release(self) -> None:
        """Unlock the directory. Releasing twice is fine."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> DataDirectoryLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _lock(self, file: int) -> None:
        for _ in range(ATTEMPTS):
            if _try_lock(file, fcntl.LOCK_EX, self._directory):
                return
            time.sleep(PAUSE_SECONDS)
        other = holder(self._directory)
        if other is None:
            raise DirectoryInUseError(
                f"{self._directory}: was in use a moment ago, and is free now: try again"
            )
        raise DirectoryInUseError(
            f"{self._directory}: in use by process {other.pid} on {other.host} since "
            f"{other.started_at.isoformat(timespec='seconds')}: stop that one, or name another directory"
        )

    def _write(self, named: Holder) -> None:
        if self._file is None:
            raise StorageError(f"{self._directory}: this process no longer holds the directory")
        record = {
            **named.details,
            "pid": named.pid,
            "host": named.host,
            "started_at": named.started_at.isoformat(),
        }
        text = json.dumps({**record, _CHECKSUM: _checksum(record)}).encode()
        if len(text) > RECORD_BYTES:
            raise StorageError(
                f"{self._directory / LOCK_FILE}: {len(text)} bytes don't fit in {RECORD_BYTES}"
            )
        try:
            os.pwrite(self._file, text.ljust(RECORD_BYTES), 0)
        except OSError as error:
            raise _cannot_use(self._directory, error) from error


def store_directory(data: Path) -> Path:
    """Return the path of a data directory's store."""
    return data / "store"


def workspaces_directory(data: Path) -> Path:
    """Return the directory of the stacks' git repositories."""
    return data / "workspaces"


def holder(directory: Path) -> Holder | None:
    """Return the holder of `directory`, or None; this needs only read permission.

    Raises:
        StorageError: The lock file can't be read, or a foreign process has locked it.
    """
    try:
        file = os.open(directory / LOCK_FILE, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _cannot_use(directory, error) from error
    try:
        for _ in range(ATTEMPTS):
            if _try_lock(file, fcntl.LOCK_SH, directory):
                return None
            found = _parse(os.pread(file, RECORD_BYTES, 0))
            if found is not None:
                return found
            # It has the lock but has not written its name yet.
            time.sleep(PAUSE_SECONDS)
    finally:
        os.close(file)
    raise StorageError(f"{directory / LOCK_FILE}: locked by a process that left no name there: see `lslocks`")


def named_in(directory: Path) -> Holder | None:
    """Return the holder that the lock file names, even if it no longer holds `directory`, or None.

    The name stays after the process ends: it is harmless, and shows the last holder.
    """
    try:
        return _parse((directory / LOCK_FILE).read_bytes()[:RECORD_BYTES])
    except OSError:
        return None


def _try_lock(file: int, kind: int, directory: Path) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _cannot_use(directory, error) from error
    return True


def _parse(text: bytes) -> Holder | None:
    try:
        record = json.loads(text)
        checksum = record.pop(_CHECKSUM, None)
        # Older Recursors wrote no checksum.
        if checksum is not None and checksum != _checksum(record):
            return None
        return Holder(
            pid=record.pop("pid"),
            host=record.pop("host"),
            started_at=datetime.fromisoformat(record.pop("started_at")),
            details=record,
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def _checksum(record: Mapping[str, Detail]) -> int:
    return crc32(json.dumps(record).encode())


def _cannot_use(directory: Path, error: OSError) -> StorageError:
    said = f"{directory}: can't be used as a data directory: {error.strerror} ({error.filename or LOCK_FILE})"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"{said}: make room there, then try again")
    return StorageError(f"{said}: let this user write there, or name another directory")
