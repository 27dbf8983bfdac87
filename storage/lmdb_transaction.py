"""Reading and writing inside one LMDB transaction."""

from __future__ import annotations

from collections.abc import Iterator

import lmdb

from recursor.storage.errors import StorageError, UnknownTableError
from recursor.storage.store import LONGEST_KEY, check_key


class Tables(dict[str, "lmdb._Database | None"]):
    """The open handle of each table by name; None if it doesn't exist (in a store that is only read)."""

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
            # LMDB itself would look for a key that is too long, and find nothing.
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
        # py-lmdb gives no code of its own to the use of a transaction that has ended.
        if error.code == 0:
            return StorageError(
                "this snapshot has ended: use it only inside its `with` block, before the store is closed"
            )
        return StorageError(f"reading the store failed: {error}")


class LmdbWriter(LmdbReader):
    """A `Writer` over one LMDB write transaction.

    `trouble` holds the first error of the environment (a full map, a full disk), as opposed to the
    submission's own: whatever the submission made of it, its transaction can't be used any more.
    """

    __slots__ = ("_changes", "trouble")

    def __init__(self, transaction: lmdb.Transaction[bytes], tables: Tables) -> None:
        super().__init__(transaction, tables)
        self._changes = 0
        self.trouble: lmdb.Error | None = None

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """See `Writer.put`."""
        if not 0 < len(key) <= LONGEST_KEY:
            check_key(key)
        self._changes += 1
        try:
            self._transaction.put(key, value, db=self._tables[table])
        except lmdb.Error as error:
            raise self._failed(error) from error

    def delete(self, table: str, key: bytes) -> bool:
        """See `Writer.delete`."""
        if not 0 < len(key) <= LONGEST_KEY:
            check_key(key)
        self._changes += 1
        try:
            return self._transaction.delete(key, db=self._tables[table])
        except lmdb.Error as error:
            raise self._failed(error) from error

    def delete_range(self, table: str, start: bytes, stop: bytes | None) -> int:
        """See `Writer.delete_range`."""
        handle = self._tables[table]
        self._changes += 1
        count = 0
        try:
            with self._transaction.cursor(handle) as cursor:
                while cursor.set_range(start) and (stop is None or cursor.key() < stop):
                    cursor.delete()
                    count += 1
        except lmdb.Error as error:
            raise self._failed(error) from error
        return count

    def _walk(
        self, handle: lmdb._Database, start: bytes, stop: bytes | None, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        # LMDB leaves open where a cursor stands after a change beside it: look its place up again.
        while True:
            changes = self._changes
            for pair in super()._walk(handle, start, stop, reverse):
                yield pair
                if self._changes != changes:
                    if reverse:
                        stop = pair[0]
                    else:
                        start = pair[0] + b"\0"
                    break
            else:
                return

    def _failed(self, error: lmdb.Error) -> StorageError:
        if error.code == 0:
            return StorageError(
                "this transaction has ended: use the writer only inside the submitted function"
            )
        self.trouble = self.trouble or error
        return StorageError(f"writing to the store failed: {error}")


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
