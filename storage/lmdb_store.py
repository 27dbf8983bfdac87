"""The store on disk: LMDB, one writer thread, any number of readers in any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import lmdb

from recursor.storage.backup import new_directory
from recursor.storage.errors import StoreUsageError
from recursor.storage.group_commit import LARGEST_BATCH, GroupCommit
from recursor.storage.lmdb_environment import INITIAL_MAP_BYTES, LmdbEnvironment
from recursor.storage.lmdb_transaction import LmdbReader, LmdbWriter
from recursor.storage.migration import Migrations
from recursor.storage.store import Reader, Writer

T = TypeVar("T")


class LmdbStore:
    """A `Store` in a directory of its own, on a local disk (LMDB's locks don't work on NFS).

    Several processes may have the same directory open, one of them or all for writing; within a process, open
    it once and share it. It must not be used across a fork: open it in the child, or start children with
    "spawn". The files can be read by their owner only. Close it, for instance with `contextlib.closing`; a
    process that is killed instead loses nothing that was acknowledged.
    """

    def __init__(
        self,
        path: Path,
        tables: Iterable[str],
        *,
        migrations: Migrations | None = None,
        read_only: bool = False,
        initial_map_bytes: int = INITIAL_MAP_BYTES,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        """Open the store, make it if there is none, and bring its records up to date.

        Args:
            path: Its directory.
            tables: The names of its tables; those that don't exist are made.
            migrations: The schema versions that this program knows.
            read_only: Open for reading alone, also where nothing may be written; the store must exist and
                be of the latest schema version.
            initial_map_bytes: Address space to begin with; the store takes more when it needs it.
            largest_batch: The most submissions in one commit.

        Raises:
            SchemaVersionError, MigrationError, StorageCorruptError, StorageFullError: see there.
            StorageError: The directory can't be used; the text says why.
        """
        self._environment = LmdbEnvironment(
            path, tables, read_only=read_only, initial_map_bytes=initial_map_bytes
        )
        self._path = path
        self._group: GroupCommit[LmdbWriter] | None = None
        migrations = migrations or Migrations()
        try:
            if read_only:
                with self.read() as reader:
                    migrations.check(reader, tables)
            else:
                self._group = GroupCommit(
                    self._environment.commit, name=f"store-writer {path}", largest_batch=largest_batch
                )
                self.write(migrations.apply)
        except BaseException:
            self.close()
            raise

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""
        return _Snapshot(self._environment)

    def submit(self, work: Callable[[Writer], T]) -> Future[T]:
        """See `Store.submit`."""
        return self._writing().submit(work)

    def write(self, work: Callable[[Writer], T]) -> T:
        """See `Store.write`."""
        group = self._writing()
        group.refuse_to_wait()
        self._environment.refuse_inside_read()
        return group.submit(work).result()

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        with new_directory(target) as unfinished:
            self._environment.copy(unfinished)

    def close(self) -> None:
        """See `Store.close`."""
        if self._group is not None:
            self._group.close()
        self._environment.close()

    def _writing(self) -> GroupCommit[LmdbWriter]:
        self._environment.refuse_unless_usable()
        if self._group is None:
            raise StoreUsageError(f"{self._path}: the store was opened to be read only")
        return self._group


class _Snapshot(AbstractContextManager[Reader]):
    """A class and not a generator, for the sake of half a microsecond a read."""

    __slots__ = ("_environment", "_ticket", "_transaction")

    _transaction: lmdb.Transaction[bytes]
    _ticket: int

    def __init__(self, environment: LmdbEnvironment) -> None:
        self._environment = environment

    def __enter__(self) -> Reader:
        self._transaction, self._ticket = self._environment.begin_read()
        return LmdbReader(self._transaction, self._environment.tables)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._environment.end_read(self._transaction, self._ticket)
