"""The store on disk: LMDB, one writer thread, any number of readers in any number of processes."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import lmdb

from recursor.storage.backup import new_directory
from recursor.storage.commit import Commit, Merges
from recursor.storage.errors import StoreUsageError
from recursor.storage.group_commit import LARGEST_BATCH, GroupCommit
from recursor.storage.lmdb_environment import INITIAL_MAP_BYTES, LmdbEnvironment
from recursor.storage.lmdb_transaction import LmdbReader
from recursor.storage.migration import Migrations, is_empty, schema_version
from recursor.storage.store import Done, Reader

logger = logging.getLogger("recursor.storage")


class LmdbStore:
    """A `Store` in a directory of its own, on a local disk (LMDB's locks don't work on NFS).

    Several processes may open the same directory, all of them for writing if needed; within a process, open
    it once and share it. Do not use it across a fork: open it in the child, or start children with "spawn".
    Only the files' owner can read them. Close it, for instance with `contextlib.closing`; a process that is
    killed instead loses no acknowledged commit.
    """

    def __init__(
        self,
        path: Path,
        tables: Iterable[str],
        *,
        merges: Merges | None = None,
        migrations: Migrations | None = None,
        backups: Path | None = None,
        read_only: bool = False,
        initial_map_bytes: int = INITIAL_MAP_BYTES,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        """Open the store, create it if there is none, and migrate its records.

        Args:
            path: Its directory.
            tables: The names of its tables; missing ones are created.
            merges: The merge functions, by table.
            migrations: The schema versions that this program knows.
            backups: Where to keep a copy of the store before a migration; None: nowhere.
            read_only: Open only for reading, even without write permission; the store must exist and have the
                latest schema version.
            initial_map_bytes: Initial address space; the store takes more when needed.
            largest_batch: The most commits made durable at once.

        Raises:
            SchemaVersionError, MigrationError, StorageCorruptError, StorageFullError: see these classes.
            StorageError: The directory can't be used, or the copy can't be kept; the text gives the reason.
        """
        migrations = migrations or Migrations()
        self._path = path
        self._group: GroupCommit | None = None
        self._environment = LmdbEnvironment(
            path,
            tables,
            merges=merges,
            former=migrations.former,
            read_only=read_only,
            initial_map_bytes=initial_map_bytes,
        )
        try:
            if read_only:
                with self.read() as reader:
                    migrations.check(reader, tables)
            else:
                self._migrate(migrations, tables, backups)
                self._group = GroupCommit(
                    self._environment.commit, name=f"store-writer {path}", largest_batch=largest_batch
                )
        except BaseException:
            self.close()
            raise

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""
        return _Snapshot(self._environment)

    def commit(self, commit: Commit, done: Done) -> None:
        """See `Store.commit`."""
        self._writing().commit(commit, done)

    def write(self, commit: Commit) -> None:
        """See `Store.write`."""
        group = self._writing()
        self._environment.refuse_inside_read()
        group.write(commit)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        with new_directory(target) as unfinished:
            self._environment.copy(unfinished)

    def close(self) -> None:
        """See `Store.close`."""
        if self._group is not None:
            self._group.close()
        self._environment.close()

    def _migrate(self, migrations: Migrations, tables: Iterable[str], backups: Path | None) -> None:
        with self.read() as reader:
            found = schema_version(reader)
            empty = found == 0 and is_empty(reader, tables)
        if found == migrations.latest:
            return
        migrations.refuse_newer(found)
        if backups is not None and not empty:
            self._keep(backups, migrations.latest)
        self._environment.migrate(migrations)

    def _keep(self, backups: Path, version: int) -> None:
        """Keep a copy of the store, unless a failed migration has left one."""
        written = datetime.fromtimestamp((self._path / "data.mdb").stat().st_mtime, UTC)
        target = backups / f"before-schema-{version}-{written:%Y%m%dT%H%M%SZ}"
        if not target.exists():
            with new_directory(target) as unfinished:
                (unfinished / "store").mkdir()
                self._environment.copy(unfinished / "store")
        logger.warning(
            "%s: migrating to schema version %d; a copy of the store before is in %s "
            "(`recursor restore` restores it)",
            self._path,
            version,
            target,
        )

    def _writing(self) -> GroupCommit:
        self._environment.refuse_unless_usable()
        if self._group is None:
            raise StoreUsageError(f"{self._path}: the store is open only for reading")
        return self._group


class _Snapshot(AbstractContextManager[Reader]):
    """A class instead of a generator: it saves half a microsecond per read."""

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
