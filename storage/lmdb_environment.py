"""One open LMDB environment: its transactions, its tables, and its map, which grows automatically."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import lmdb

from recursor.runtime.right_of_way import RIGHT_OF_WAY
from recursor.storage.commit import Commit, Merges
from recursor.storage.errors import StorageError, StorageFullError, StoreClosedError, StoreUsageError
from recursor.storage.lmdb_errors import explain
from recursor.storage.lmdb_files import make_directory, open_environment, sync_directory
from recursor.storage.lmdb_transaction import LmdbReader, Tables, apply_commits
from recursor.storage.migration import Migrations
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.store import FENCES, META_TABLE

# Address space, not memory or disk: the file only grows with its contents. Large enough that most stores
# never grow their map; small enough for a container with a limit on address space.
INITIAL_MAP_BYTES = 1 << 30

# Doubling keeps the number of growths, each of which waits for all readers, logarithmic in the store's size.
MAP_GROWTH = 2

# From three quarters on, the map grows at the first moment without a reader. Only when it is full does the
# writer make readers wait.
EARLY_GROWTH = 0.75

# Interval of two checks: whether the map should grow, and whether a reading process was killed. A killed
# reader leaves a slot that keeps the space of all later deletions. A check costs 1 µs.
COMMITS_PER_CHECK = 100

T = TypeVar("T")


class LmdbEnvironment:
    """The files `data.mdb` and `lock.mdb` in one directory.

    Do not use it across a fork: a child process must open its own, and gets a clear error here.
    """

    def __init__(
        self,
        path: Path,
        tables: Iterable[str],
        *,
        read_only: bool,
        merges: Merges | None = None,
        former: Sequence[str] = (),
        initial_map_bytes: int = INITIAL_MAP_BYTES,
    ) -> None:
        """Open the directory, and create it if necessary.

        Args:
            path: The directory.
            tables: The names of the tables; missing ones are created.
            merges: The merge functions, by table.
            former: The names of former tables that a migration may read.
            read_only: Change nothing; missing tables are empty.
            initial_map_bytes: The minimum size of the map, in bytes of address space.

        Raises:
            StorageError: It can't be opened; the text gives the reason and the remedy.
        """
        self._path = path
        self._process = os.getpid()
        self._closed = False
        self._gate = ReadersGate()
        self._commits = 0
        self._merges = merges or {}
        names = sorted({META_TABLE, FENCES, *tables})
        if not read_only:
            make_directory(path)
        self._environment = open_environment(
            path, len(names) + len(former), read_only=read_only, initial_map_bytes=initial_map_bytes
        )
        try:
            self._page_bytes = self._environment.stat()["psize"]
            if not read_only:
                self._environment.reader_check()
                if self._map_bytes() < initial_map_bytes:
                    self._environment.set_mapsize(initial_map_bytes)
            self.tables = self._open_tables(names, read_only=read_only)
            if not read_only:
                sync_directory(path)
        except lmdb.Error as error:
            self._environment.close()
            raise explain(error, path) from error
        except BaseException:
            self._environment.close()
            raise

    # Transactions

    def begin_read(self) -> tuple[lmdb.Transaction[bytes], int]:
        """Open a snapshot.

        Returns:
            The transaction and its ticket, both for `end_read`.

        Raises:
            StoreClosedError, StorageError: see there.
        """
        while True:
            self.refuse_unless_usable()
            ticket = self._gate.enter()
            try:
                return self._environment.begin(), ticket
            except lmdb.Error as error:
                self._gate.leave(ticket)
                self._recover(error)

    def end_read(self, transaction: lmdb.Transaction[bytes], ticket: int) -> None:
        """Close a snapshot."""
        transaction.abort()
        self._gate.leave(ticket)

    def commit(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """Apply `commits`, each atomically; when they are on disk, return for each its error or None.

        Raises:
            StorageError: Nothing was written.
        """

        # Other threads do not wait for the removal of a range, which may take arbitrarily long.
        first: AbstractContextManager[None] = (
            nullcontext() if any(commit.ranges for commit in commits) else RIGHT_OF_WAY
        )

        def work(transaction: lmdb.Transaction[bytes]) -> Sequence[BaseException | None]:
            with first:
                return apply_commits(transaction, self.tables, self._merges, commits)

        try:
            refused = self._transact(work)
        except Exception as error:
            # A full disk affects all commits. Any other error may come from one of them, which must not fail
            # the others.
            if isinstance(error, StorageFullError) or len(commits) == 1:
                raise
            return [self._alone(commit) for commit in commits]
        self._after_commit()
        return refused

    def migrate(self, migrations: Migrations) -> None:
        """Migrate all records or none, and remove former tables.

        Raises:
            SchemaVersionError, MigrationError, StorageError: Nothing was changed.
        """

        def work(transaction: lmdb.Transaction[bytes]) -> None:
            former = self._find_tables(migrations.former, transaction)
            tables = Tables({**self.tables, **former})
            for commit in migrations.steps(LmdbReader(transaction, tables)):
                apply_commits(transaction, tables, self._merges, [commit])
            for handle in former.values():
                if handle is not None:
                    transaction.drop(handle)

        self._transact(work)

    def copy(self, target: Path) -> None:
        """Write a compacted copy of one snapshot into the empty directory `target`.

        Raises:
            StorageError: It could not be written; parts of it may remain.
        """
        transaction, ticket = self.begin_read()
        try:
            self._environment.copy(str(target), compact=True, txn=transaction)
        except lmdb.Error as error:
            raise explain(error, target) from error
        finally:
            self.end_read(transaction, ticket)

    def refuse_inside_read(self) -> None:
        """Raise if this thread has an open snapshot: a commit may have to wait for all snapshots to close.

        Raises:
            StoreUsageError: this thread has an open snapshot.
        """
        self._gate.refuse_inside()

    def refuse_unless_usable(self) -> None:
        """Raise unless the environment is open, and was opened by this process.

        Raises:
            StoreClosedError: It is closed.
            StoreUsageError: It was inherited through a fork.
        """
        if self._closed:
            raise StoreClosedError(f"{self._path}: the store is closed")
        if self._process != os.getpid():
            raise StoreUsageError(
                f"{self._path}: the store was opened by process {self._process}, before the fork: "
                f"open it anew in process {os.getpid()}"
            )

    def close(self) -> None:
        """Close the files; snapshots still open raise at their next use."""
        if not self._closed:
            self._closed = True
            self._environment.close()

    def _transact(self, work: Callable[[lmdb.Transaction[bytes]], T]) -> T:
        """Run `work` in a write transaction, and again if only the environment prevented it.

        Raises:
            StorageError, or the error of `work`: Nothing was written.
        """
        while True:
            try:
                # It counts as inside the gate, like a reader: the map must not be replaced under it.
                ticket = self._gate.enter()
                try:
                    with self._environment.begin(write=True) as transaction:
                        return work(transaction)
                finally:
                    self._gate.leave(ticket)
            except lmdb.Error as error:
                self._recover(error)

    def _alone(self, commit: Commit) -> BaseException | None:
        try:
            return self.commit([commit])[0]
        except Exception as error:  # noqa: BLE001 - it belongs to that commit's owner
            return error

    # The map

    def _recover(self, error: lmdb.Error) -> None:
        """Remove the cause so that the transaction can be retried, or raise if that is impossible."""
        self.refuse_unless_usable()
        if isinstance(error, lmdb.MapFullError):
            # The space kept by a dead reader's snapshot may be enough.
            if self._environment.reader_check() == 0:
                with self._gate.alone():
                    self._set_map(self._map_bytes() * MAP_GROWTH)
        elif isinstance(error, lmdb.MapResizedError):
            with self._gate.alone():
                self._set_map(0)
        elif not (isinstance(error, lmdb.ReadersFullError) and self._environment.reader_check()):
            raise explain(error, self._path) from error

    def _after_commit(self) -> None:
        self._commits += 1
        if self._commits % COMMITS_PER_CHECK:
            return
        self._environment.reader_check()
        info = self._environment.info()
        if info["last_pgno"] * self._page_bytes > info["map_size"] * EARLY_GROWTH:
            with self._gate.alone_if_empty() as alone:
                if alone:
                    # This room is not needed yet: if there is none, the write that needs it will fail.
                    with suppress(StorageError):
                        self._set_map(info["map_size"] * MAP_GROWTH)

    def _set_map(self, size: int) -> None:
        """Replace the map by one of `size` bytes; 0 for the size set by another process."""
        growth = size - self._map_bytes()
        if growth > 0:
            # LMDB unmaps the old map first: if the new one did not fit, the process would crash at its next
            # read.
            try:
                mmap.mmap(
                    -1, growth, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ
                ).close()
            except OSError as error:
                raise StorageFullError(
                    f"{self._path}: the store must grow to {size} bytes of address space, which this process "
                    f"can't have ({os.strerror(error.errno or 0)}): raise the limit (ulimit -v)"
                ) from error
        try:
            self._environment.set_mapsize(size)
        except lmdb.Error as error:
            raise explain(error, self._path) from error

    def _map_bytes(self) -> int:
        return self._environment.info()["map_size"]

    # Opening

    def _open_tables(self, names: Sequence[str], *, read_only: bool) -> Tables:
        while True:
            try:
                return self._find_tables(names) if read_only else self._make_tables(names)
            except lmdb.Error as error:
                self._recover(error)

    def _make_tables(self, names: Sequence[str]) -> Tables:
        with self._environment.begin(write=True) as transaction:
            return Tables({name: self._environment.open_db(name.encode(), txn=transaction) for name in names})

    def _find_tables(
        self, names: Iterable[str], transaction: lmdb.Transaction[bytes] | None = None
    ) -> Tables:
        tables = Tables()
        for name in names:
            try:
                tables[name] = self._environment.open_db(name.encode(), txn=transaction, create=False)
            except lmdb.NotFoundError:
                tables[name] = None
        return tables
