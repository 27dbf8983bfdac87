"""The files of an LMDB environment, opened so that later use cannot kill the process."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import lmdb
import lmdb.verify

from recursor.storage.errors import StorageCorruptError, StorageError
from recursor.storage.lmdb_errors import explain

# One slot of 64 bytes for every snapshot open at once in all processes: a few hundred agent threads and web
# requests, and some commands. The first process to open the environment decides.
MOST_READERS = 1024

# The size of LMDB 0.9's header and first slot (MDB_txninfo), and of one slot (MDB_reader).
LOCK_HEAD_BYTES = 192
READER_BYTES = 64

# Only the user may read the conversations of the user's agents.
FILE_MODE = 0o600


def make_directory(path: Path) -> None:
    """Create the directory `path` and its parents, unless it exists.

    Raises:
        StorageError: It can't be created, or is something else.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(
            f"{error.filename}: is a file where a directory should be: name a directory"
        ) from error
    except OSError as error:
        raise explain(error, path) from error


def open_environment(path: Path, tables: int, *, read_only: bool, initial_map_bytes: int) -> lmdb.Environment:
    """Open the directory `path`, after checking that this is safe.

    Args:
        path: The directory.
        tables: The number of tables in use.
        read_only: Change nothing.
        initial_map_bytes: The size of the map of a new environment, in bytes of address space.

    Raises:
        StorageError: It can't be opened, or reading it would kill the process.
    """
    data = path / "data.mdb"
    try:
        exists = data.exists()
        if read_only and not exists:
            raise StorageError(f"{path}: no store here: name the directory of one")
        # If the lock file can't be created, nobody writes. If it exists, a writer may rely on our lock.
        lock = not read_only or (path / "lock.mdb").exists() or os.access(path, os.W_OK)
        if lock:
            reserve_lock_file(path / "lock.mdb")
        environment = lmdb.open(
            str(path),
            # 0: the size in the file, which another process may have increased.
            map_size=0 if exists else initial_map_bytes,
            max_dbs=tables,
            max_readers=MOST_READERS,
            mode=FILE_MODE,
            readonly=read_only,
            lock=lock,
        )
    except (lmdb.Error, OSError) as error:
        raise explain(error, path) from error
    try:
        _refuse_if_truncated(environment, data)
    except BaseException:
        environment.close()
        raise
    return environment


def reserve_lock_file(path: Path) -> None:
    """Allocate a new lock file on disk: LMDB writes it through a map, and a full disk would kill the
    process."""
    try:
        # Never for an existing file: this process may have it open in LMDB, whose fcntl locks the system
        # drops as soon as any descriptor of the file is closed.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.EACCES, errno.EROFS):
            return  # LMDB decides whether it can use the existing file
        raise
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, LOCK_HEAD_BYTES + (MOST_READERS - 1) * READER_BYTES)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _refuse_if_truncated(environment: lmdb.Environment, data: Path) -> None:
    """Refuse a file that ends before its last page: reading beyond the end of a map kills the process."""
    wanted = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = data.stat().st_size
    # A sound file may also end early if its last pages are free: only reading all its pages can tell.
    if found < wanted and find_damage(data):
        raise StorageCorruptError(
            f"{data}: damaged: {found} of {wanted} bytes are left (a copy cut short?): restore a backup"
        )


def find_damage(data: Path) -> list[str]:
    """Return the file's damage, found by reading every page."""
    try:
        return list(lmdb.verify.verify(str(data)))  # type: ignore[no-untyped-call]  # comes without types
    except lmdb.verify.VerifyError as error:
        return [str(error)]


def sync_directory(path: Path) -> None:
    """Make the names of new files durable, like their contents: LMDB leaves this to its user."""
    for directory in (path, path.parent):
        # A filesystem that doesn't support this, or an unreadable parent, does not affect the store.
        with suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
