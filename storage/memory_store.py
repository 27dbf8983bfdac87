"""The store in memory, for tests and trials: the same contract, but that it ends with the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from recursor.storage.backup import new_directory
from recursor.storage.errors import StorageError, StoreClosedError, UnknownTableError
from recursor.storage.group_commit import LARGEST_BATCH, GroupCommit, Outcome
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import Migrations
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.sorted_map import Pair, SortedMap
from recursor.storage.store import META_TABLE, Reader, Writer, check_key

T = TypeVar("T")


class MemoryStore:
    """A `Store` of immutable tables: a snapshot is a reference to them, a commit replaces them."""

    def __init__(
        self,
        tables: Iterable[str],
        *,
        migrations: Migrations | None = None,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        """Make an empty store, and bring it to the latest schema version.

        Args:
            tables: The names of its tables.
            migrations: The schema versions that this program knows.
            largest_batch: The most submissions in one commit.

        Raises:
            MigrationError: see there.
        """
        self._committed = _Tables({name: SortedMap() for name in {META_TABLE, *tables}})
        self._closed = False
        # Nothing here has to wait for readers; it only knows which threads are inside a read.
        self._gate = ReadersGate()
        self._group: GroupCommit[_MemoryWriter] = GroupCommit(
            self._commit, name="store-writer (memory)", largest_batch=largest_batch
        )
        try:
            self.write((migrations or Migrations()).apply)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """See `Store.read`."""
        if self._closed:
            raise StoreClosedError("the store is closed")
        ticket = self._gate.enter()
        reader = _MemoryReader(self._committed)
        try:
            yield reader
        finally:
            reader.end()
            self._gate.leave(ticket)

    def submit(self, work: Callable[[Writer], T]) -> Future[T]:
        """See `Store.submit`."""
        return self._group.submit(work)

    def write(self, work: Callable[[Writer], T]) -> T:
        """See `Store.write`."""
        self._group.refuse_to_wait()
        self._gate.refuse_inside()
        return self._group.submit(work).result()

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        tables = self._committed

        def copy(writer: Writer) -> None:
            for name, table in tables.items():
                for key, value in table.ascending(b"", None):
                    writer.put(name, key, value)

        with new_directory(target) as unfinished:
            with closing(LmdbStore(unfinished, tables)) as copied:
                copied.write(copy)
            (unfinished / "lock.mdb").unlink()

    def close(self) -> None:
        """See `Store.close`."""
        self._group.close()
        self._closed = True

    def _commit(self, works: Sequence[Callable[[_MemoryWriter], object]]) -> Sequence[Outcome]:
        tables = self._committed
        outcomes = []
        for work in works:
            writer = _MemoryWriter(_Tables(tables))
            try:
                outcomes.append(Outcome(value=work(writer)))
            except BaseException as error:  # noqa: BLE001 - the submitter gets it, whatever it is
                outcomes.append(Outcome(error=error))
            else:
                tables = writer.tables
            writer.end()
        self._committed = tables
        return outcomes


class _Tables(dict[str, SortedMap]):
    def __missing__(self, name: str) -> SortedMap:
        raise UnknownTableError(
            f"no table {name!r} in this store; it was opened with {', '.join(sorted(self))}"
        )


class _MemoryReader:
    def __init__(self, tables: _Tables) -> None:
        self._tables: _Tables | None = tables

    @property
    def tables(self) -> _Tables:
        if self._tables is None:
            raise StorageError(
                "this snapshot has ended: use it only inside its `with` block, or submitted function"
            )
        return self._tables

    def end(self) -> None:
        self._tables = None

    def get(self, table: str, key: bytes) -> bytes | None:
        check_key(key)
        return self.tables[table].get(key)

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Pair]:
        self.tables[table]
        return self._walk(table, start, stop, reverse)

    def _walk(self, table: str, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Pair]:
        while True:
            seen = self.tables[table]
            for pair in seen.descending(start, stop) if reverse else seen.ascending(start, stop):
                yield pair
                if self.tables[table] is not seen:
                    if reverse:
                        stop = pair[0]
                    else:
                        start = pair[0] + b"\0"
                    break
            else:
                return


class _MemoryWriter(_MemoryReader):
    def put(self, table: str, key: bytes, value: bytes) -> None:
        check_key(key)
        self.tables[table] = self.tables[table].put(key, value)

    def delete(self, table: str, key: bytes) -> bool:
        check_key(key)
        before = self.tables[table]
        self.tables[table] = before.delete(key)
        return self.tables[table] is not before

    def delete_range(self, table: str, start: bytes, stop: bytes | None) -> int:
        keys = [key for key, _ in self.tables[table].ascending(start, stop)]
        for key in keys:
            self.tables[table] = self.tables[table].delete(key)
        return len(keys)
