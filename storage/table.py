"""A table: records of one type that belong to stacks, under keys of the stack's id and the record's own.

The keys of one stack are adjacent and ordered by id, that is by age: all records of a stack, or its newest
twenty, are one range. Records that are searched by state (open todos, unanswered messages) are on a *shelf*
of their own inside the stack's range, so that the cost of a search depends on the records found, not on all
records.
"""

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from typing import Generic, TypeVar

from recursor.domain.core_record import AnyRecord
from recursor.storage.codec import decode, encode
from recursor.storage.commit import Commit
from recursor.storage.errors import InvalidKeyError
from recursor.storage.store import Reader, prefix_range

R = TypeVar("R", bound=AnyRecord)
Pair = tuple[bytes, bytes]

# Occurs in no id, role or shelf: those are ASCII letters, digits, "-" and "_".
_SEPARATOR = b"/"


class Table(Generic[R]):
    """Records of one type that belong to stacks."""

    def __init__(
        self,
        name: str,
        kind: type[R],
        *,
        stack_id: Callable[[R], str],
        key: Callable[[R], str] | None = None,
        shelf: Callable[[R], bytes] | None = None,
        shelves: tuple[bytes, ...] = (),
    ) -> None:
        """Describe a table.

        Args:
            name: the table's name in the store.
            kind: the records' type.
            stack_id: the stack that a record belongs to.
            key: the record's own key; None for one record per stack.
            shelf: the record's current shelf.
            shelves: all shelves, in the order in which `scan` reads them.
        """
        self.name = name
        self.kind = kind
        self._stack_id = stack_id
        self._key = key
        self._shelf = shelf
        self._shelves = shelves
        self.has_shelves = bool(shelves)

    def get(self, reader: Reader, stack_id: str, key: str | None = None) -> R | None:
        """Return one record, or None.

        Raises:
            CorruptRecordError: it cannot be read.
        """
        for shelf in self._shelves or (None,):
            try:
                full_key = self._full_key(stack_id, key, shelf)
                value = reader.get(self.name, full_key)
            except (InvalidKeyError, UnicodeEncodeError):
                # No record can have a key that is too long, empty, or not text.
                return None
            if value is not None:
                return self.read(full_key, value)
        return None

    def put(self, commit: Commit, record: R, value: bytes | None = None) -> None:
        """Write `record` in place of the one with its key, on whichever shelf that was.

        Args:
            commit: the commit to add it to.
            record: the record.
            value: its encoded bytes, if already available.
        """
        key = None if self._key is None else self._key(record)
        shelf = None if self._shelf is None else self._shelf(record)
        full_key = self._full_key(self._stack_id(record), key, shelf)
        for other in self._shelves:
            if other != shelf:
                commit.delete(self.name, self._full_key(self._stack_id(record), key, other))
        commit.put(self.name, full_key, encode(record) if value is None else value)

    def add(self, commit: Commit, record: R) -> None:
        """Write a record that is new, or whose shelf stays the same."""
        key = None if self._key is None else self._key(record)
        shelf = None if self._shelf is None else self._shelf(record)
        commit.put(self.name, self._full_key(self._stack_id(record), key, shelf), encode(record))

    def delete(self, commit: Commit, stack_id: str, key: str | None = None) -> None:
        """Remove one record, on whichever shelf it is."""
        for shelf in self._shelves or (None,):
            commit.delete(self.name, self._full_key(stack_id, key, shelf))

    def scan(
        self, reader: Reader, stack_id: str, *, shelf: bytes | None = None, newest_first: bool = False
    ) -> Iterator[R]:
        """Yield a stack's records in key order, shelf by shelf.

        Raises:
            CorruptRecordError: a record cannot be read.
        """
        for key, value in self._pairs(reader, stack_id, shelf, newest_first=newest_first):
            yield self.read(key, value)

    def keys(
        self,
        reader: Reader,
        stack_id: str,
        *,
        shelf: bytes | None = None,
        after: str = "",
        newest_first: bool = False,
    ) -> Iterator[str]:
        """Yield the keys of a stack's records (or of one shelf) that sort after `after`, without reading the
        records, so that a damaged one does not matter."""
        for key, _ in self._pairs(reader, stack_id, shelf, after=after, newest_first=newest_first):
            yield _own_key(key).decode(errors="replace")

    def keys_after(self, reader: Reader, stack_id: str, key: str) -> Iterator[str]:
        """Yield the keys of the records of a stack that sort after `key`, shelf by shelf."""
        for shelf in self._shelves or (None,):
            yield from self.keys(reader, stack_id, shelf=shelf, after=key)

    def newest(self, reader: Reader, stack_id: str, limit: int, shelf: bytes | None = None) -> list[R]:
        """Return up to `limit` records of a stack (or of one shelf), newest first."""
        return list(islice(self._by_age(reader, stack_id, shelf, newest_first=True), limit))

    def before(
        self, reader: Reader, stack_id: str, key: str | None, *, shelf: bytes | None = None
    ) -> Iterator[R]:
        """Yield the records of a stack (or of one shelf) whose keys sort before `key`, newest first.

        Args:
            reader: the state of the store to read.
            stack_id: the stack.
            key: the key of the last record on the previous page; None to start with the newest.
            shelf: the shelf; None for all of them.
        """
        return self._by_age(reader, stack_id, shelf, newest_first=True, before=key or "")

    def oldest(self, reader: Reader, stack_id: str, limit: int, shelf: bytes | None = None) -> list[R]:
        """Return up to `limit` records of a stack (or of one shelf), oldest first."""
        return list(islice(self._by_age(reader, stack_id, shelf, newest_first=False), limit))

    def delete_stack(self, commit: Commit, stack_id: str) -> None:
        """Remove all of a stack's records."""
        commit.delete(self.name, stack_id.encode())
        commit.delete_range(self.name, *prefix_range(stack_id.encode() + _SEPARATOR))

    def _pairs(
        self,
        reader: Reader,
        stack_id: str,
        shelf: bytes | None,
        *,
        newest_first: bool,
        after: str = "",
        before: str = "",
    ) -> Iterator[Pair]:
        prefix = stack_id.encode() + _SEPARATOR + (b"" if shelf is None else shelf + _SEPARATOR)
        start, stop = prefix_range(prefix)
        if after:
            start = prefix + after.encode() + b"\x00"
        if before:
            stop = prefix + before.encode()
        return reader.scan(self.name, start, stop, reverse=newest_first)

    def _by_age(
        self, reader: Reader, stack_id: str, shelf: bytes | None, *, newest_first: bool, before: str = ""
    ) -> Iterator[R]:
        wanted = self._shelves if shelf is None and self._shelves else (shelf,)
        pairs = [
            self._pairs(reader, stack_id, each, newest_first=newest_first, before=before) for each in wanted
        ]
        for key, value in merge(*pairs, key=lambda pair: _own_key(pair[0]), reverse=newest_first):
            yield self.read(key, value)

    @staticmethod
    def _full_key(stack_id: str, key: str | None, shelf: bytes | None) -> bytes:
        if key is None:
            return stack_id.encode()
        if shelf is None:
            return f"{stack_id}/{key}".encode()
        return b"%b/%b/%b" % (stack_id.encode(), shelf, key.encode())

    def read(self, key: bytes, value: bytes) -> R:
        """Return the record of a pair from this table.

        Raises:
            CorruptRecordError: it cannot be read.
        """
        return decode(self.kind, value, self.name, key)


def _own_key(key: bytes) -> bytes:
    return key.rpartition(_SEPARATOR)[2]
