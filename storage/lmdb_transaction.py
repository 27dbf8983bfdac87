"""Reading and writing inside one LMDB transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import lmdb

from recursor.storage.commit import FENCE_BYTES, Commit, Fence, Merges
from recursor.storage.errors import FencedError, StorageError, UnknownTableError
from recursor.storage.store import FENCES, LONGEST_KEY, check_key

_TABLE = itemgetter(0)


class Tables(dict[str, "lmdb._Database | None"]):
    """The open handle of each table by name; None if the table doesn't exist (in a read-only store)."""

    def __missing__(self, name: str) -> lmdb._Database | None:
        """Refuse a table that the store wasn't opened with."""
        raise UnknownTableError(
            f"no table {name!r} in this store; it was opened with {', '.join(sorted(self))}"
        )


class LmdbReader:
    """A `Reader` over one LMDB transaction."""

    __slots__ = ("_tables", "_transaction")

    def __init__(self, transaction: lmdb.Transaction[bytes], tables: Tables) -> None:
        self._transaction = transaction
        self._tables = tables

    def get(self, table: str, key: bytes) -> bytes | None:
        """See `Reader.get`."""
        handle = self._tables[table]
        if not 0 < len(key) <= LONGEST_KEY:
            # LMDB itself would search for a key that is too long, and find nothing.
            check_key(key)
        if handle is None:
            return None
        try:
            return self._transaction.get(key, db=handle)
        except lmdb.Error as error:
            raise self._failed(error) from error

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `Reader.scan`."""
        handle = self._tables[table]
        if handle is None or (stop is not None and stop <= start):
            return iter(())
        return self._walk(handle, start, stop, reverse)

    def _walk(
        self, handle: lmdb._Database, start: bytes, stop: bytes | None, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        try:
            with self._transaction.cursor(handle) as cursor:
                yield from _descending(cursor, start, stop) if reverse else _ascending(cursor, start, stop)
        except lmdb.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: lmdb.Error) -> StorageError:
        # py-lmdb has no error code for the use of an ended transaction.
        if error.code == 0:
            return StorageError(
                "this snapshot has ended: use it only inside its `with` block, before the store is closed"
            )
        return StorageError(f"reading the store failed: {error}")


def apply_commits(
    transaction: lmdb.Transaction[bytes], tables: Tables, merges: Merges, commits: Sequence[Commit]
) -> list[FencedError | None]:
    """Apply `commits` in order, except those with an old fence.

    If it raises, some may be applied: abort the transaction.

    Args:
        transaction: a write transaction.
        tables: the open tables.
        merges: the merge functions.
        commits: the commits. Additions to one key are merged together.

    Returns:
        for each commit its error, or None.

    Raises:
        StorageError, lmdb.Error: a commit can't be applied.
    """
    put, delete = transaction.put, transaction.delete
    fences = tables[FENCES]
    refused: list[FencedError | None] = []
    sums: defaultdict[tuple[str, bytes], list[Any]] = defaultdict(list)
    for commit in commits:
        error = None if commit.fence is None else _heed(transaction, fences, commit.fence)
        refused.append(error)
        if error is not None:
            continue
        # Pending additions are removed or replaced along with their sum.
        if sums and (commit.ranges or not merges.keys().isdisjoint(map(_TABLE, commit.writes))):
            _merge(transaction, tables, merges, sums)
            sums.clear()
        for table, start, stop in commit.ranges:
            _delete_range(transaction, tables[table], start, stop)
        for table, key, value in commit.writes:
            if value is None:
                delete(key, db=tables[table])
            else:
                put(key, value, db=tables[table])
        for table, key, operand in commit.additions:
            sums[table, key].append(operand)
    _merge(transaction, tables, merges, sums)
    return refused


def _heed(
    transaction: lmdb.Transaction[bytes], fences: lmdb._Database | None, fence: Fence
) -> FencedError | None:
    """Store a newer fence; return the error for a commit under an older one."""
    owner, number = fence.owner.encode(), fence.number.to_bytes(FENCE_BYTES)
    stored = transaction.get(owner, db=fences) or b""
    if stored > number and len(stored) == FENCE_BYTES:
        return FencedError(fence.owner, fence.number, int.from_bytes(stored))
    if stored != number:
        transaction.put(owner, number, db=fences)
    return None


def _merge(
    transaction: lmdb.Transaction[bytes],
    tables: Tables,
    merges: Merges,
    sums: Mapping[tuple[str, bytes], list[Any]],
) -> None:
    for (table, key), operands in sums.items():
        handle = tables[table]
        if table not in merges:
            raise UnknownTableError(f"table {table!r} takes no additions: it has no merge function")
        merged = merges[table](key, transaction.get(key, db=handle), operands)
        transaction.put(key, merged, db=handle)


def _delete_range(
    transaction: lmdb.Transaction[bytes], handle: lmdb._Database | None, start: bytes, stop: bytes | None
) -> None:
    """Remove the keys with `start <= key < stop` (None: to the end) of one table."""
    with transaction.cursor(handle) as cursor:
        while cursor.set_range(start) and (stop is None or cursor.key() < stop):
            cursor.delete()


def _ascending(cursor: lmdb.Cursor[bytes], start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
    if not cursor.set_range(start):
        return
    for pair in cursor.iternext():
        if stop is not None and pair[0] >= stop:
            return
        yield pair


def _descending(
    cursor: lmdb.Cursor[bytes], start: bytes, stop: bytes | None
) -> Iterator[tuple[bytes, bytes]]:
    last_before_stop = cursor.prev() if stop is not None and cursor.set_range(stop) else cursor.last()
    if not last_before_stop:
        return
    for pair in cursor.iterprev():
        if pair[0] < start:
            return
        yield pair
