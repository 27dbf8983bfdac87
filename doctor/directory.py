"""Collects the system's facts about a data directory: the lock and its holder, the disk, the store's
files."""

import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from recursor.doctor.evidence import DirectoryEvidence, DiskEvidence, LockEvidence, StoreEvidence
from recursor.storage.data_directory import LOCK_FILE, holder, named_in
from recursor.storage.errors import StorageError


def look_at_directory(path: Path) -> DirectoryEvidence:
    """Return whether a directory exists and can be used."""
    try:
        exists = path.exists()
        problem = None if not exists or path.is_dir() else "is a file"
        if exists and problem is None:
            os.listdir(path)
    except OSError as error:
        return DirectoryEvidence(
            path=str(path), exists=True, writable=False, problem=f"can't be read: {error.strerror}"
        )
    writable = os.access(_nearest(path), os.W_OK | os.X_OK)
    return DirectoryEvidence(path=str(path), exists=exists, writable=writable, problem=problem)


def look_at_disk(path: Path) -> DiskEvidence | None:
    """Return the usage of the file system of a directory, existing or not; None if unknown."""
    nearest = _nearest(path)
    try:
        usage = shutil.disk_usage(nearest)
    except OSError:
        return None
    return DiskEvidence(path=str(nearest), free_bytes=usage.free, total_bytes=usage.total)


def look_at_lock(directory: Path) -> LockEvidence:
    """Return the holder of a data directory, and the content of its lock file."""
    path = directory / LOCK_FILE
    try:
        found = holder(directory)
    except StorageError as error:
        return LockEvidence(path=str(path), held=True, holders=_holders(path), problem=str(error))
    named = found or named_in(directory)
    # A command also holds the lock for a moment, and leaves its name: it runs no stacks.
    if named is None or "command" in named.details:
        return LockEvidence(path=str(path), held=False)
    here = named.host == socket.gethostname()
    details = {} if found is None else found.details
    return LockEvidence(
        path=str(path),
        held=found is not None,
        pid=named.pid,
        host=named.host,
        started_at=named.started_at.timestamp(),
        here=here,
        alive=_alive(named.pid) if here else None,
        holders=_holders(path) if found is not None else (),
        unserved=_said(details.get("unserved")),
        control=_said(details.get("control")),
    )


def look_at_files(store: Path) -> StoreEvidence:
    """Return the facts about a store that are known without opening it."""
    try:
        files = [file.stat() for file in store.iterdir()] if store.is_dir() else []
        exists = (store / "data.mdb").exists()
    except OSError as error:
        return StoreEvidence(
            path=str(store), exists=True, problem=f"{store}: can't be read: {error.strerror}"
        )
    # The space on disk, which for the lock file is less than its length.
    return StoreEvidence(path=str(store), exists=exists, bytes=sum(file.st_blocks * 512 for file in files))


def _said(detail: object) -> str | None:
    return None if detail is None else str(detail)


def _nearest(path: Path) -> Path:
    """Return the first existing one of a path and its parents."""
    absolute = path.absolute()
    for each in (absolute, *absolute.parents):
        with suppress(OSError):
            if each.exists():
                return each
    return absolute


def _alive(pid: int) -> bool | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OverflowError:
        return None
    return True


def _holders(path: Path) -> tuple[int, ...]:
    """Return the processes that have a file open. Only Linux reports them, and only the user's own."""
    try:
        wanted = path.stat()
    except OSError:
        return ()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    file = descriptor.stat()
                    if (file.st_dev, file.st_ino) == (wanted.st_dev, wanted.st_ino):
                        found.append(int(process.name))
                        break
    return tuple(sorted(found))
