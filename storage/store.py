"""The contract of every store: ordered tables of bytes, snapshots to read, commits to write.

Code above this room uses only this module and `commit`. `lmdb_store` implements it on disk, `memory_store` in
memory; a database server can implement it with one table `kv(tbl, key, value)`.
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

# LMDB's compile-time limit (MDB_MAXKEYSIZE), the smallest of the considered stores.
LONGEST_KEY = 511

# Tables that every store has besides those it was opened with: facts about the store itself, and the newest
# fence of each owner.
META_TABLE = "meta"
FENCES = "fences"


class Reader(Protocol):
    """A consistent snapshot of the commits at one moment, unaffected by later writes.

    Use it on one thread at a time, and only until its `with` block ends.
    """

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return the value at `key`, or None.

        Raises:
            UnknownTableError, InvalidKeyError: see these classes.
        """
        ...

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with `start <= key < stop` in key order, lazily.

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
        """Open a snapshot during a `with` block on this thread.

        Keep the block short: an open snapshot keeps the space of later deletions from being reused, and can
        delay everyone when the store must grow. Don't wait in it for another thread. A read inside a read is
        fine.

        Raises:
            StoreClosedError: the store is closed.
        """
        ...

    def commit(self, commit: Commit, done: Done) -> None:
        """Queue `commit` for the store's writer thread, first come, first served; return at once.

        It is written completely or not at all. It is refused if its fence is older than its owner's newest,
        or if it names an unknown table.

        Args:
            commit: the commit; it must not be changed afterwards.
            done: called once, with None when the commit is on disk, or with the error if nothing was written.
                It runs on the writer thread and delays every later commit, so it should only pass the result
                on. Its exceptions are logged.

        Raises:
            StoreClosedError: the store is closed; `done` is not called.
            StoreUsageError: The store is open only for reading.
        """
        ...

    def write(self, commit: Commit) -> None:
        """Commit, and wait until it is on disk.

        Raises:
            FencedError: Its owner no longer owns the stack.
            StorageError: Nothing was written; the text gives the reason.
            StoreUsageError: On the writer thread, which would wait for itself, or inside a read on this
                thread: the write may have to wait until no snapshot is open.
        """
        ...

    def backup(self, target: Path) -> None:
        """Write a compacted copy of one snapshot to the directory `target`, while the store is in use.

        The copy appears complete or not at all, and opens as an `LmdbStore`.

        Args:
            target: A directory that is empty or doesn't exist.

        Raises:
            StorageError: The target is not empty, or can't be written.
        """
        ...

    def close(self) -> None:
        """Write the queued commits, refuse later ones, and close the files. Closing twice is fine.

        It doesn't wait for open snapshots: using them afterwards may raise StorageError.
        """
        ...


def prefix_range(prefix: bytes) -> tuple[bytes, bytes | None]:
    """Return the `(start, stop)` of the keys that begin with `prefix`; stop is None if there is no upper
    bound."""
    stem = prefix.rstrip(b"\xff")
    return prefix, stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def check_key(key: bytes) -> None:
    """Refuse a key that not every store could hold.

    Raises:
        InvalidKeyError: It is empty or longer than 511 bytes.
    """
    if not 0 < len(key) <= LONGEST_KEY:
        shown = key[:40]
        raise InvalidKeyError(f"a key has 1 to {LONGEST_KEY} bytes, this one has {len(key)}: {shown!r}")
