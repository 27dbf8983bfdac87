"""A simulation's store, without threads and disk: each batch, and each acknowledgement, is a step."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from recursor.storage.commit import Commit, Merges
from recursor.storage.errors import StoreClosedError, StoreUsageError
from recursor.storage.group_commit import LARGEST_BATCH, twin
from recursor.storage.memory_tables import MemoryTables, back_up, snapshot
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.store import Done, Reader

logger = logging.getLogger(__name__)


class StepScheduler(Protocol):
    """Runs the steps, such as `recursor.runtime.simulated.Scheduler`."""

    def add(self, step: Callable[[], object], /) -> object:
        """Run `step` later, once."""
        ...


class SimulatedStore:
    """A `Store` whose commits are steps of a scheduler, and which can be told to fail or lose power.

    A commit waits for a step that writes a batch. Then it is durable and visible to readers; its owner is
    notified in a later step, or never if the power is lost in between.
    """

    def __init__(
        self,
        tables: Iterable[str],
        scheduler: StepScheduler,
        *,
        merges: Merges | None = None,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        """Create an empty store.

        Args:
            tables: The names of its tables.
            scheduler: Runs its steps; at most one is pending.
            merges: The merge functions, by table.
            largest_batch: The most commits in one batch.
        """
        self._tables = MemoryTables.empty(tables)
        self._scheduler = scheduler
        self._merges = merges or {}
        self._largest_batch = largest_batch
        self._waiting: deque[tuple[Commit, Done]] = deque()
        self._written: deque[tuple[Done, BaseException | None]] = deque()
        self._failures: deque[BaseException] = deque()
        self._gate = ReadersGate()
        self._added = self._in_step = self._closed = False
        self.batches = 0
        """The number of batches written."""

    def fail_next(self, error: BaseException, batches: int = 1) -> None:
        """Let the next batches fail completely, as on a full disk: nothing is written.

        Args:
            error: each owner gets a copy of it.
            batches: the number of batches.
        """
        self._failures.extend([error] * batches)

    def lose_power(self) -> None:
        """Drop unwritten commits; nobody is notified any more, and every further use is refused."""
        self._closed = True
        self._waiting.clear()
        self._written.clear()

    def restarted(self, scheduler: StepScheduler) -> SimulatedStore:
        """Return the store that another process would open afterwards, with all written commits.

        Args:
            scheduler: runs its steps.
        """
        store = SimulatedStore((), scheduler, merges=self._merges, largest_batch=self._largest_batch)
        store._tables = self._tables
        return store

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""
        if self._closed:
            raise StoreClosedError("the store is closed")
        return snapshot(self._tables, self._gate)

    def commit(self, commit: Commit, done: Done) -> None:
        """See `Store.commit`."""
        if self._closed:
            raise StoreClosedError("the store is closed: nothing can be written")
        self._waiting.append((commit, done))
        self._add_step()

    def write(self, commit: Commit) -> None:
        """See `Store.write`. Queued commits are written with it at once."""
        if self._in_step:
            raise StoreUsageError("write() on the store's writer thread would wait for itself: use commit()")
        self._gate.refuse_inside()
        ended: list[BaseException | None] = []
        self.commit(commit, ended.append)
        while not ended:
            if not (self._waiting or self._written):
                raise StoreClosedError("the power was lost before this was written")
            self._step()
        if ended[0] is not None:
            raise ended[0]

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        back_up(self._tables, target)

    def close(self) -> None:
        """See `Store.close`."""
        if self._in_step:
            raise StoreUsageError("a store can't be closed on its own writer thread: close it from elsewhere")
        self._closed = True
        while self._waiting or self._written:
            self._step()

    def _add_step(self) -> None:
        if not self._added and (self._waiting or self._written):
            self._added = True
            self._scheduler.add(self._run_step)

    def _run_step(self) -> None:
        self._added = False
        self._step()
        self._add_step()

    def _step(self) -> None:
        self._in_step = True
        try:
            if self._written:
                self._acknowledge()
            elif self._waiting:
                self._write_batch()
        finally:
            self._in_step = False

    def _write_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest_batch))]
        if self._failures:
            error = self._failures.popleft()
            self._written.extend((done, twin(error)) for _, done in batch)
            return
        self._tables, refused = self._tables.applying([commit for commit, _ in batch], self._merges)
        self.batches += 1
        self._written.extend((done, error) for (_, done), error in zip(batch, refused, strict=True))

    def _acknowledge(self) -> None:
        done, error = self._written.popleft()
        try:
            done(error)
        except BaseException:
            logger.exception("the callback of a commit raised")
