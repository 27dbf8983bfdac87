"""Copies of a store: taken whatever its schema version, and put in the place of a store in one step."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from recursor.storage.backup import new_directory
from recursor.storage.errors import StorageCorruptError, StorageError
from recursor.storage.lmdb_environment import INITIAL_MAP_BYTES
from recursor.storage.lmdb_errors import explain
from recursor.storage.lmdb_files import (
    FILE_MODE,
    find_damage,
    make_directory,
    open_environment,
    reserve_lock_file,
    sync_directory,
)
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import AnyVersion, schema_version
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.tables import STACKS

DATA_FILE, _LOCK_FILE = "data.mdb", "lock.mdb"
_UNFINISHED = ".unfinished"


def copy_store(path: Path, target: Path) -> int:
    """Write a compacted copy of one snapshot of the store in `path` to `target`, into its directory `store`.

    Processes that have the store open, for reading or writing, are not held up.

    Args:
        path: the store's directory.
        target: a directory that is empty or doesn't exist; it appears complete or not at all.

    Returns:
        the size of the copy, in bytes.

    Raises:
        StorageError: the store cannot be read, or the target is not empty or can't be written.
    """
    with closing(_as_it_is(path)) as store, new_directory(target) as unfinished:
        store.backup(unfinished / "store")
    return (target / "store" / DATA_FILE).stat().st_size


def check_copy(path: Path) -> None:
    """Look whether the store in `path` is whole, ours, and of a version that this program reads.

    Nobody should be writing to it.

    Raises:
        StorageError: it cannot be opened, or is damaged.
        SchemaVersionError: it is of a newer version.
    """
    if damage := find_damage(path / DATA_FILE):
        raise StorageCorruptError(
            f"{path}: damaged, or being written to: {damage[0]}: name another backup, or make one"
        )
    with closing(_as_it_is(path)) as store, store.read() as reader:
        version = schema_version(reader)
        MIGRATIONS.refuse_newer(version)
        if not version and next(reader.scan(STACKS.name), None) is None:
            raise StorageCorruptError(f"{path}: holds nothing of Recursor's: name a backup")


def restore_store(source: Path, path: Path) -> None:
    """Put a compacted copy of the store in `source`, of this program's version, in place of that in `path`.

    Until it is complete and on disk nothing in `path` changes; then one step of the file system changes all
    of it, so that whenever this is interrupted, either the old store is there or the new. The caller sees to
    it that no runner is up.

    Args:
        source: the directory of a store; it is only read.
        path: the directory of the store to replace; it need not exist. Beside it the copy must have room.

    Raises:
        StorageError: the copy cannot be made, is damaged, or another process has the store in `path` open.
    """
    make_directory(path.parent)
    for abandoned in path.parent.glob(f".{path.name}.*{_UNFINISHED}"):
        shutil.rmtree(abandoned, ignore_errors=True)
    try:
        unfinished = tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent)
    except OSError as error:
        raise explain(error, path.parent) from error
    try:
        copy = Path(unfinished) / "store"
        with closing(_as_it_is(source)) as store:
            store.backup(copy)
        open_store(copy, keep_copy=False).close()
        _replace(copy / DATA_FILE, path)
    except OSError as error:
        raise explain(error, path) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _as_it_is(path: Path) -> LmdbStore:
    return LmdbStore(path, [STACKS.name], migrations=AnyVersion(), read_only=True)


def _replace(data: Path, path: Path) -> None:
    """Make the file `data` the one of the environment in `path`."""
    data.chmod(FILE_MODE)
    make_directory(path)
    with _nobody_else(path):
        data.replace(path / DATA_FILE)
        sync_directory(path)
        # What LMDB keeps in its lock file is of the file before. Who opens it while nobody else has it open
        # makes it anew, and we do so before anybody else can.
        open_environment(path, 1, read_only=False, initial_map_bytes=INITIAL_MAP_BYTES).close()


@contextmanager
def _nobody_else(path: Path) -> Iterator[None]:
    """Keep other processes from opening the environment in `path`, for the length of a `with` block.

    Every process that has an environment open holds a shared lock on the first byte of its lock file; one
    that opens it waits for the exclusive one that is taken here (mdb_env_excl_lock in LMDB 0.9). As always
    with such locks, a process's own is gone as soon as it closes the file, also another descriptor of it.
    """
    reserve_lock_file(path / _LOCK_FILE)
    file = os.open(path / _LOCK_FILE, os.O_RDWR)
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
        except (BlockingIOError, PermissionError):
            raise StorageError(
                f"{path}: another process has the store open: "
                f"end it (`fuser {path / DATA_FILE}` tells which), then try again"
            ) from None
        yield
    finally:
        os.close(file)
