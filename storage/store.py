"""What every kind of store promises: ordered tables of bytes, snapshots to read, submissions to write.

Code above this room names only what is in this module. `lmdb_store` keeps it on disk, `memory_store` in
memory; a server's database can keep it with one table `kv(tbl, key, value)`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from recursor.storage.errors import InvalidKeyError

T = TypeVar("T")

# LMDB's compile-time limit (MDB_MAXKEYSIZE), the smallest of the stores we have in mind.
LONGEST_KEY = 511

# The table every store has besides those it was opened with: facts about the store itself.
META_TABLE = "meta"


class Reader(Protocol):
    """A consistent snapshot: what was committed when it was taken, whatever is written since.

    Use it on one thread at a time, and only until its `with` block ends.
    """

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return the value at `key`, or None.

        Raises:
            UnknownTableError, InvalidKeyError: see there.
        """
        ...

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with `start <= key < stop` in the order of their keys, each when it is asked for.

        A writer may change the table while it scans it: the scan goes on from the key it gave last and sees
        the table as it is by then.

        Args:
            table: The table's name.
            start: The first key that may be yielded; empty means from the beginning.
            stop: The first key beyond; None means to the end. Bounds need not be keys, nor be as short as
            one.
            reverse: From the last key to the first.

        Raises:
            UnknownTableError: At the call, before the first pair.
        """
        ...


class Writer(Reader, Protocol):
    """What a submission works on: a snapshot of everything before it, and its own writes."""

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Set the value at `key`, 1 to 511 bytes long; the value may be empty.

        Raises:
            UnknownTableError, InvalidKeyError: see there.
        """
        ...

    def delete(self, table: str, key: bytes) -> bool:
        """Remove `key`; return whether it was there.

        Raises:
            UnknownTableError, InvalidKeyError: see there.
        """
        ...

    def delete_range(self, table: str, start: bytes, stop: bytes | None) -> int:
        """Remove the keys with `start <= key < stop` (None: to the end); return how many there were.

        Raises:
            UnknownTableError: see there.
        """
        ...


class Store(Protocol):
    """Ordered tables with snapshots, and atomic submissions that are durable before they are acknowledged.

    Its methods may be called from any thread.
    """

    def read(self) -> AbstractContextManager[Reader]:
        """Take a snapshot, for the length of a `with` block on this thread.

        Keep the block short: a snapshot that stays open keeps the space of what was deleted since, and can
        hold up everybody when the store must grow. Don't wait in it for another thread. A read inside a read
        is fine.

        Raises:
            StoreClosedError: see there.
        """
        ...

    def submit(self, work: Callable[[Writer], T]) -> Future[T]:
        """Have `work` run in a transaction of its own on the store's writer thread, first come, first served.

        All that it writes is committed, or, if it raises, nothing. Its future is resolved after the commit is
        on disk, with what it returned or raised.

        `work` must be a function of the writer it is given and of nothing that changes: it may be run more
        than once, and only the last run counts. It must not wait for anything, other submissions least of
        all.

        The future's callbacks run on the writer thread and hold up every submission behind them: they should
        do no more than pass the news on. One that raises is logged and harms nobody. A future that is
        cancelled before its turn was not, and will not be, written.

        Raises:
            StoreClosedError: see there.
            StoreUsageError: The store was opened to be read only.
        """
        ...

    def write(self, work: Callable[[Writer], T]) -> T:
        """Submit `work` and wait for it: return what it returned, or raise what it raised.

        Raises:
            StoreUsageError: On the writer thread, where it would wait for itself, and inside a read on this
                thread: the write may have to wait until no snapshot is open.
        """
        ...

    def backup(self, target: Path) -> None:
        """Write a compacted copy of one snapshot to the directory `target`, while the store is in use.

        The copy appears there complete or not at all, and opens as an `LmdbStore`.

        Args:
            target: A directory that is empty or doesn't exist.

        Raises:
            StorageError: The target is not empty, or can't be written.
        """
        ...

    def close(self) -> None:
        """Commit what was submitted, refuse what comes later, let go of the files. Closing twice is fine.

        It doesn't wait for open snapshots: using them further may raise StorageError.
        """
        ...


def prefix_range(prefix: bytes) -> tuple[bytes, bytes | None]:
    """Return the `(start, stop)` of the keys that begin with `prefix`; stop is None if none can be beyond."""
    stem = prefix.rstrip(b"\xff")
    return prefix, stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def check_key(key: bytes) -> None:
    """Refuse a key that some kind of store couldn't hold.

    Raises:
        InvalidKeyError: It is empty or longer than 511 bytes.
    """
    if not 0 < len(key) <= LONGEST_KEY:
        shown = key[:40]
        raise InvalidKeyError(f"a key has 1 to {LONGEST_KEY} bytes, this one has {len(key)}: {shown!r}")
