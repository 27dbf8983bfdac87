"""What every kind of store promises: ordered tables of bytes, snapshots to read, commits to write.

Code above this room names only what is in this module and in `commit`. `lmdb_store` keeps it on disk,
`memory_store` in memory; a server's database can keep it with one table `kv(tbl, key, value)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from recursor.storage.errors import InvalidKeyError

if TYPE_CHECKING:
    from recursor.storage.commit import Commit

Done = Callable[[BaseException | None], object]

# LMDB's compile-time limit (MDB_MAXKEYSIZE), the smallest of the stores we have in mind.
LONGEST_KEY = 511

# The tables every store has besides those it was opened with: facts about the store itself, and, by owner,
# the number of the newest fence that a commit had.
META_TABLE = "meta"
FENCES = "fences"


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


class Store(Protocol):
    """Ordered tables with snapshots, and commits that are durable before they are acknowledged.

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

    def commit(self, commit: Commit, done: Done) -> None:
        """Have `commit` written on the store's writer thread, first come, first served; return at once.

        All of it is written, or nothing. It is refused if its fence is older than the newest of its owner, or
        if it names a table that the store doesn't have.

        Args:
            commit: what to write; it must not be changed any more.
            done: called once, with None after it is on disk, or with why nothing of it was written. It is
                called on the writer thread and holds up every commit behind it: it should do no more than
                pass the news on. One that raises is logged and harms nobody.

        Raises:
            StoreClosedError: see there; `done` is not called.
            StoreUsageError: The store was opened to be read only.
        """
        ...

    def write(self, commit: Commit) -> None:
        """Commit, and wait until it is on disk.

        Raises:
            FencedError: Its owner is not the owner any more.
            StorageError: Nothing of it was written; the text says why.
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
        """Write what was committed, refuse what comes later, let go of the files. Closing twice is fine.

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
