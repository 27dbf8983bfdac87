"""The store in memory, for tests and trials: the same contract, but that it ends with the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from recursor.storage.backup import new_directory
from recursor.storage.commit import Commit, Merges
from recursor.storage.errors import StoreClosedError
from recursor.storage.group_commit import LARGEST_BATCH, GroupCommit
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_tables import MemoryReader, MemoryTables
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.store import Done, Reader


class MemoryStore:
    """A `Store` of immutable tables: a snapshot is a reference to them, a commit replaces them."""

    def __init__(
        self, tables: Iterable[str], *, merges: Merges | None = None, largest_batch: int = LARGEST_BATCH
    ) -> None:
        """Make an empty store.

        Args:
            tables: The names of its tables.
            merges: The functions that add up, by table.
            largest_batch: The most commits in one batch.
        """
        self._tables = MemoryTables.empty(tables)
        self._merges = merges or {}
        self._closed = False
        # Nothing here has to wait for readers; it only knows which threads are inside a read.
        self._gate = ReadersGate()
        self._group = GroupCommit(self._apply, name="store-writer (memory)", largest_batch=largest_batch)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """See `Store.read`."""
        if self._closed:
            raise StoreClosedError("the store is closed")
        ticket = self._gate.enter()
        reader = MemoryReader(self._tables)
        try:
            yield reader
        finally:
            reader.end()
            self._gate.leave(ticket)

    def commit(self, commit: Commit, done: Done) -> None:
        """See `Store.commit`."""
        self._group.commit(commit, done)

    def write(self, commit: Commit) -> None:
        """See `Store.write`."""
        self._gate.refuse_inside()
        self._group.write(commit)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        tables = self._tables
        everything = Commit()
        for name, table in tables.items():
            for key, value in table.ascending(b"", None):
                everything.put(name, key, value)
        with new_directory(target) as unfinished:
            with closing(LmdbStore(unfinished, tables)) as copied:
                copied.write(everything)
            (unfinished / "lock.mdb").unlink()

    def close(self) -> None:
        """See `Store.close`."""
        self._group.close()
        self._closed = True

    def _apply(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        self._tables, refused = self._tables.applying(commits, self._merges)
        return refused
