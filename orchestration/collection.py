"""An immutable collection of records by id, in insertion order."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

R = TypeVar("R")


class Collection(Generic[R]):
    """Records in memory, by id. A change makes a new collection; the old one stays the same.

    Ids sort by age, and new records have later ids than existing ones, so the order is by age.
    """

    __slots__ = ("_by_id", "_items")

    def __init__(self, by_id: dict[str, R]) -> None:
        """Keep `by_id`, which must not be changed from now on."""
        self._by_id = by_id
        self._items: tuple[R, ...] | None = None

    @classmethod
    def of(cls, records: Iterable[R], key: Callable[[R], str]) -> "Collection[R]":
        """Return a collection of `records`, sorted by `key`."""
        return cls({key(record): record for record in sorted(records, key=key)})

    def get(self, record_id: str) -> R | None:
        """Return a record, or None."""
        return self._by_id.get(record_id)

    def adding(self, record_id: str, record: R) -> "Collection[R]":
        """Return this collection with a record added or replaced."""
        by_id = self._by_id
        changed = {**by_id, record_id: record}
        if by_id and record_id not in by_id and record_id < next(reversed(by_id)):
            # A record may be created earlier than it is stored: a client may be slow, or its clock behind.
            changed = dict(sorted(changed.items()))
        return Collection(changed)

    def without(self, *record_ids: str) -> "Collection[R]":
        """Return this collection without some records."""
        gone = {record_id for record_id in record_ids if record_id in self._by_id}
        if not gone:
            return self
        return Collection({key: record for key, record in self._by_id.items() if key not in gone})

    @property
    def items(self) -> tuple[R, ...]:
        """All records, oldest first; the same tuple each time."""
        if self._items is None:
            self._items = tuple(self._by_id.values())
        return self._items

    def __iter__(self) -> Iterator[R]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._by_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collection) and self._by_id == other._by_id

    def __hash__(self) -> int:
        # Identity would not agree with equality; the ids alone do.
        return hash(tuple(self._by_id))
