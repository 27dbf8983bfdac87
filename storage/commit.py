"""One owner's writes, as data: puts, deletes, additions to sums, and the owner's fence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from recursor.storage.errors import FencedError
from recursor.storage.store import FENCES, LONGEST_KEY, Reader, check_key

FENCE_BYTES = 8
"""A fence is stored big-endian, so that stored fences compare like their numbers."""

RETIRED = b"\xff" * FENCE_BYTES
"""The fence of a deleted stack: above any number."""

MergeFunction = Callable[[bytes, bytes | None, Sequence[Any]], bytes]
"""(key, the stored value or None, operands in the order they were added) -> the new value.

The result must not depend on the grouping of operands: merging two at once equals merging one after the
other. RocksDB calls it a merge operator: https://github.com/facebook/rocksdb/wiki/Merge-Operator
"""

Merges = Mapping[str, MergeFunction]
"""By table. Only these tables take additions."""


class Fence(NamedTuple):
    """Proof of a stack's ownership: a commit under an older fence is refused.

    Source: fencing tokens,
    https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
    """

    owner: str
    """The stack's id."""
    number: int
    """From 1, higher for each later owner."""


class FenceNumbers:
    """Hands out the fences of one process: each is above all earlier ones, here and in the store.

    The store alone is not enough: an owner that ended may have commits under way whose fence is not yet
    stored.
    """

    def __init__(self) -> None:
        self._last = 0

    def take(self, reader: Reader, owner: str) -> Fence:
        """Return a fence above all earlier ones of `owner`.

        Args:
            reader: a snapshot taken after the process locked the data directory.
            owner: the stack's id.

        Raises:
            FencedError: the stack was deleted.
        """
        stored = reader.get(FENCES, owner.encode()) or b""
        if len(stored) != FENCE_BYTES:
            # It is missing or damaged; no owner from an earlier process can still write.
            stored = b""
        if stored == RETIRED:
            raise FencedError(owner, 0, int.from_bytes(stored))
        self._last = max(self._last, int.from_bytes(stored)) + 1
        return Fence(owner, self._last)


class Commit:
    """Writes that are applied together or not at all.

    Tables fill it: `TODOS.put(commit, todo)`. Later calls override earlier ones; additions are applied last.
    Not thread-safe; do not change it after passing it to a store.
    """

    __slots__ = ("additions", "fence", "ranges", "writes")

    def __init__(self, fence: Fence | None = None) -> None:
        """Create an empty commit.

        Args:
            fence: its owner's; None if the records have no owner.
        """
        self.fence = fence
        self.ranges: list[tuple[str, bytes, bytes | None]] = []
        """(table, start, stop): removed first."""
        self.writes: list[tuple[str, bytes, bytes | None]] = []
        """(table, key, value), None to delete, in order."""
        self.additions: list[tuple[str, bytes, Any]] = []
        """(table, key, operand) for the table's merge function."""

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Set the value at `key`, 1 to 511 bytes long; the value may be empty.

        Raises:
            InvalidKeyError: the key is invalid.
        """
        if not 0 < len(key) <= LONGEST_KEY:
            check_key(key)
        self.writes.append((table, key, value))

    def delete(self, table: str, key: bytes) -> None:
        """Remove `key`, if it is there.

        Raises:
            InvalidKeyError: the key is invalid.
        """
        if not 0 < len(key) <= LONGEST_KEY:
            check_key(key)
        self.writes.append((table, key, None))

    def delete_range(self, table: str, start: bytes, stop: bytes | None) -> None:
        """Remove the keys with `start <= key < stop` (None: to the end), including keys written by this
        commit."""

        def outside(write: tuple[str, bytes, Any]) -> bool:
            return write[0] != table or write[1] < start or (stop is not None and write[1] >= stop)

        self.writes = list(filter(outside, self.writes))
        self.additions = list(filter(outside, self.additions))
        self.ranges.append((table, start, stop))

    def add(self, table: str, key: bytes, operand: object) -> None:
        """Add to the sum at `key`, with the table's merge function.

        Args:
            table: one with a merge function.
            key: 1 to 511 bytes.
            operand: an operand of that function; it must not be changed afterwards.

        Raises:
            InvalidKeyError: the key is invalid.
        """
        if not 0 < len(key) <= LONGEST_KEY:
            check_key(key)
        self.additions.append((table, key, operand))

    def retire(self) -> None:
        """Make this the last commit of its owner: later ones are refused under any fence.

        Deleting the fence instead would let a late commit of the owner write parts of the stack back.

        Raises:
            ValueError: the commit has no fence.
        """
        if self.fence is None:
            raise ValueError("a commit without a fence has no owner to retire")
        self.put(FENCES, self.fence.owner.encode(), RETIRED)

    def __len__(self) -> int:
        return len(self.writes) + len(self.ranges) + len(self.additions)
