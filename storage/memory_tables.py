"""Tables in memory: immutable, so that a snapshot is just a reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from recursor.storage.backup import new_directory
from recursor.storage.commit import FENCE_BYTES, Commit, Merges
from recursor.storage.errors import FencedError, StorageError, UnknownTableError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.sorted_map import Pair, SortedMap
from recursor.storage.store import FENCES, META_TABLE, check_key


class MemoryTables(dict[str, SortedMap]):
    """The contents of each table by name; never changed after a commit."""

    @classmethod
    def empty(cls, names: Iterable[str]) -> Self:
        """Return empty tables of `names`, and those that every store has."""
        return cls({name: SortedMap() for name in {META_TABLE, FENCES, *names}})

    def __missing__(self, name: str) -> SortedMap:
        """Refuse a table that the store wasn't opened with."""
        raise UnknownTableError(
            f"no table {name!r} in this store; it was opened with {', '.join(sorted(self))}"
        )

    def applying(
        self, commits: Sequence[Commit], merges: Merges
    ) -> tuple[MemoryTables, list[BaseException | None]]:
        """Apply commits in order, each whole or not at all.

        Returns:
            the tables afterwards, and for each commit its error, or None.
        """
        tables = self
        refused: list[BaseException | None] = []
        for commit in commits:
            try:
                changed = MemoryTables(tables)
                changed._apply(commit, merges)
            except Exception as error:  # noqa: BLE001 - the commit's owner gets it
                refused.append(error)
            else:
                tables = changed
                refused.append(None)
        return tables, refused

    def _apply(self, commit: Commit, merges: Merges) -> None:
        fence = commit.fence
        if fence is not None:
            owner, number = fence.owner.encode(), fence.number.to_bytes(FENCE_BYTES)
            stored = self[FENCES].get(owner) or b""
            if stored > number and len(stored) == FENCE_BYTES:
                raise FencedError(fence.owner, fence.number, int.from_bytes(stored))
            if stored != number:
                self[FENCES] = self[FENCES].put(owner, number)
        for table, start, stop in commit.ranges:
            for key, _ in self[table].ascending(start, stop):
                self[table] = self[table].delete(key)
        for table, key, value in commit.writes:
            self[table] = self[table].delete(key) if value is None else self[table].put(key, value)
        for table, key, operand in commit.additions:
            contents = self[table]
            if table not in merges:
                raise UnknownTableError(f"table {table!r} takes no additions: it has no merge function")
            self[table] = contents.put(key, merges[table](key, contents.get(key), [operand]))


class MemoryReader:
    """A `Reader` of some tables."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables: MemoryTables | None = tables

    def end(self) -> None:
        """Release the tables: the reader's `with` block has ended."""
        self._tables = None

    def get(self, table: str, key: bytes) -> bytes | None:
        """See `Reader.get`."""
        check_key(key)
        return self._contents(table).get(key)

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Pair]:
        """See `Reader.scan`."""
        return self._walk(self._contents(table), start, stop, reverse)

    def _walk(self, contents: SortedMap, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Pair]:
        for pair in contents.descending(start, stop) if reverse else contents.ascending(start, stop):
            if self._tables is None:
                raise _ended()
            yield pair

    def _contents(self, table: str) -> SortedMap:
        if self._tables is None:
            raise _ended()
        return self._tables[table]


@contextmanager
def snapshot(tables: MemoryTables, gate: ReadersGate) -> Iterator[MemoryReader]:
    """Yield a reader of `tables`, inside `gate` during a `with` block."""
    ticket = gate.enter()
    reader = MemoryReader(tables)
    try:
        yield reader
    finally:
        reader.end()
        gate.leave(ticket)


def back_up(tables: MemoryTables, target: Path) -> None:
    """Write `tables` to the directory `target`, like `Store.backup`."""
    everything = Commit()
    for name, table in tables.items():
        for key, value in table.ascending(b"", None):
            everything.put(name, key, value)
    with new_directory(target) as unfinished:
        with closing(LmdbStore(unfinished, tables)) as copied:
            copied.write(everything)
        (unfinished / "lock.mdb").unlink()


def _ended() -> StorageError:
    return StorageError("this snapshot has ended: use it only inside its `with` block")
