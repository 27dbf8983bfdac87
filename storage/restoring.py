"""Copies of a store: made whatever its schema version, and restored in one step."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
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


def copy_store(path: Path, target: Path, more: Callable[[Path], int] = lambda _: 0) -> int:
    """Write a compacted copy of one snapshot of the store in `path` to `target`, into its directory `store`.

    Processes that have the store open, for reading or writing, are not held up.

    Args:
        path: the store's directory.
        target: a directory that is empty or doesn't exist; it appears complete or not at all.
        more: copies more into that directory, after the store; returns its size in bytes.

    Returns:
        the size of the copy, in bytes.

    Raises:
        StorageError: the store cannot be read, or the target is not empty or can't be written.
    """
    with closing(_as_it_is(path)) as store, new_directory(target) as unfinished:
        store.backup(unfinished / "store")
        further = more(unfinished)
    return (target / "store" / DATA_FILE).stat().st_size + further


def check_copy(path: Path) -> None:
    """Check that the store in `path` is undamaged, Recursor's, and of a supported version.

    No process should be writing to it.

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
            raise StorageCorruptError(f"{path}: contains no Recursor data: name a backup")


def restore_store(source: Path, path: Path) -> None:
    """Replace the store in `path` by a compacted copy of the one in `source`, migrated to this program's
    version.

    Nothing in `path` changes until the copy is complete and on disk; then one step of the file system
    replaces it. So an interruption leaves either the old store or the new one. The caller makes sure that no
    runner is up.

    Args:
        source: the directory of a store; it is only read.
        path: the directory of the store to replace, if any. There must be room for the copy beside it.

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
    """Make the file `data` the data file of the environment in `path`."""
    data.chmod(FILE_MODE)
    make_directory(path)
    with _nobody_else(path):
        data.replace(path / DATA_FILE)
        sync_directory(path)
        # LMDB's lock file describes the previous data file. The first process to open the environment
        # recreates it, and we do so before any other can.
        open_environment(path, 1, read_only=False, initial_map_bytes=INITIAL_MAP_BYTES).close()


@contextmanager
def _nobody_else(path: Path) -> Iterator[None]:
    """Keep other processes from opening the environment in `path` during a `with` block.

    Every process with an open environment holds a shared lock on the first byte of its lock file; a process
    that opens it waits for the exclusive lock taken here (mdb_env_excl_lock in LMDB 0.9). As always with
    fcntl locks, a process loses its lock when it closes any descriptor of the file.
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
