"""The files of an LMDB environment, opened so that no later use of them kills the process."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import lmdb
import lmdb.verify

from recursor.storage.errors import StorageCorruptError, StorageError
from recursor.storage.lmdb_errors import explain

# One slot of 64 bytes for every snapshot open at once, in all processes: a few hundred agent threads and
# web requests, and command lines beside them. The first process to open the environment decides.
MOST_READERS = 1024

# What LMDB 0.9 puts before the second slot (sizeof MDB_txninfo), and the size of one (MDB_reader).
LOCK_HEAD_BYTES = 192
READER_BYTES = 64

# Conversations of a user's agents are the user's.
FILE_MODE = 0o600


def make_directory(path: Path) -> None:
    """Make the directory `path` and those above it, unless it exists.

    Raises:
        StorageError: It can't be made, or something else is there.
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
    """Open the directory `path`, after a look whether that is safe.

    Args:
        path: The directory.
        tables: How many tables will be used.
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
        # Where nobody could make the lock file, nobody writes; where there is one, a writer may rely on our
        # lock.
        lock = not read_only or (path / "lock.mdb").exists() or os.access(path, os.W_OK)
        if lock:
            reserve_lock_file(path / "lock.mdb")
        environment = lmdb.open(
            str(path),
            # 0: the size in the file, which another process may have made larger than ours.
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
    """Give a new lock file its place on the disk: LMDB writes it through a map, which a full disk kills."""
    try:
        # Never one that exists: this process may have it open in LMDB, whose locks (those of fcntl) the
        # system drops as soon as any descriptor of the file is closed.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.EACCES, errno.EROFS):
            return  # LMDB decides whether it can do with what there is
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
    """Refuse a file that ends before its last page: to read beyond the end of a map kills the process."""
    wanted = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = data.stat().st_size
    # A sound file may also end early, if its last pages are free: only a walk over all its pages can tell.
    if found < wanted and find_damage(data):
        raise StorageCorruptError(
            f"{data}: damaged: {found} of {wanted} bytes are left (a copy cut short?): restore a backup"
        )


def find_damage(data: Path) -> list[str]:
    """Return what is wrong with the file, by reading every page of it."""
    try:
        return list(lmdb.verify.verify(str(data)))  # type: ignore[no-untyped-call]  # comes without types
    except lmdb.verify.VerifyError as error:
        return [str(error)]


def sync_directory(path: Path) -> None:
    """Make the names of new files durable, as their contents are: LMDB leaves this to its user."""
    for directory in (path, path.parent):
        # A filesystem that can't do this, or a parent that we may not open, is none of the store's trouble.
        with suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
