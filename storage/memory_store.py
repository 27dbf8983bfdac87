"""The store in memory, for tests and trials: the same contract, but its data ends with the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from recursor.storage.commit import Commit, Merges
from recursor.storage.errors import StoreClosedError
from recursor.storage.group_commit import LARGEST_BATCH, GroupCommit
from recursor.storage.memory_tables import MemoryTables, back_up, snapshot
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.store import Done, Reader


class MemoryStore:
    """A `Store` of immutable tables: a snapshot refers to them, a commit replaces them."""

    def __init__(
        self, tables: Iterable[str], *, merges: Merges | None = None, largest_batch: int = LARGEST_BATCH
    ) -> None:
        """Create an empty store.

        Args:
            tables: The names of its tables.
            merges: The merge functions, by table.
            largest_batch: The most commits in one batch.
        """
        self._tables = MemoryTables.empty(tables)
        self._merges = merges or {}
        self._closed = False
        # No commit here waits for readers; the gate only knows which threads are inside a read.
        self._gate = ReadersGate()
        self._group = GroupCommit(self._apply, name="store-writer (memory)", largest_batch=largest_batch)

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""
        if self._closed:
            raise StoreClosedError("the store is closed")
        return snapshot(self._tables, self._gate)

    def commit(self, commit: Commit, done: Done) -> None:
        """See `Store.commit`."""
        self._group.commit(commit, done)

    def write(self, commit: Commit) -> None:
        """See `Store.write`."""
        self._gate.refuse_inside()
        self._group.write(commit)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        back_up(self._tables, target)

    def close(self) -> None:
        """See `Store.close`."""
        self._group.close()
        self._closed = True

    def _apply(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        self._tables, refused = self._tables.applying(commits, self._merges)
        return refused
