"""An owner's changes on their way from memory to disk, one commit at a time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import NotFoundError
from recursor.orchestration.draft import Found
from recursor.orchestration.stack_events import Effect, WaveEnded
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.stack_state import Step
from recursor.orchestration.writes import Writes
from recursor.runtime.future import DispatchedFuture
from recursor.storage.commit import Fence
from recursor.storage.stack_store import as_commit
from recursor.storage.store import Store


class _Batch:
    """Writes of one commit, and what waits for them."""

    __slots__ = ("after", "answers", "results", "writes")

    def __init__(self) -> None:
        self.writes = Writes()
        self.after: list[Effect] = []
        self.answers: list[tuple[DispatchedFuture[Any], AnyRecord | NotFoundError | None]] = []
        self.results: list[WaveEnded] = []
        """The agents' results in it, which must not be lost."""


_NOTHING: list[Effect] = []


class CommitQueue:
    """Belongs to one supervisor. Changes during a commit go into the next one."""

    def __init__(
        self,
        store: Store,
        fence: Fence,
        durable: StackRecords,
        done: Callable[[BaseException | None], object],
    ) -> None:
        """Start with nothing to write.

        Args:
            store: the store.
            fence: the owner's.
            durable: the records as they are on disk.
            done: called on the store's thread when a commit is on disk or has failed.
        """
        self._store = store
        self.fence = fence
        self.durable = durable
        self._done = done
        self._records = durable
        """The records with all changes added so far."""
        self._next = _Batch()
        self._wanted = False
        self._writing: tuple[_Batch, StackRecords] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether everything is on disk, and no answer is pending."""
        waiting = self._next
        return self._writing is None and not (waiting.writes or waiting.after or waiting.answers)

    def add(
        self,
        step: Step,
        asked: DispatchedFuture[Any] | None = None,
        results: Sequence[WaveEnded] = (),
    ) -> list[Effect]:
        """Add a step's writes and dependent effects, and start a commit if the step asks for one.

        Args:
            step: the step.
            asked: the asker's future; gets the step's answer or error.
            results: the agents' results applied by the step.

        Returns:
            the effects that need not wait, because nothing has to be written.

        Raises:
            StoreClosedError: the store is closed.
        """
        batch = self._next
        if step.writes:
            batch.writes.extend(step.writes)
        if step.after:
            batch.after += step.after
        if asked is not None:
            batch.answers.append((asked, step.answer))
        if results:
            batch.results += results
        self._records = step.state.records
        if step.save:
            self._wanted = True
        return _NOTHING if self._writing is not None or not self._wanted else self.flush()

    def then(self, effect: Effect) -> list[Effect]:
        """Carry out an effect when all changes added so far are on disk. For the result see `add`."""
        self._next.after.append(effect)
        self._wanted = True
        return self.flush()

    def flush(self) -> list[Effect]:
        """Start a commit if one is wanted and none is running. For the result see `add`."""
        if self._writing is not None or not self._wanted:
            return _NOTHING
        self._wanted = False
        batch, self._next = self._next, _Batch()
        records = self._records
        if not batch.writes:
            self.durable = records
            return self._finish(batch)
        self._writing = (batch, records)
        self._store.commit(as_commit(records.stack, batch.writes, self.fence), self._done)
        return _NOTHING

    def committed(self) -> list[Effect]:
        """Note that the commit is on disk, and answer the askers. Returns the dependent effects."""
        assert self._writing is not None
        batch, self.durable = self._writing
        self._writing = None
        return self._finish(batch)

    def unwritten(self, named: Iterable[tuple[type[AnyRecord], str]]) -> Found:
        """Return the new versions of the named records that were changed but are not on disk yet.

        Args:
            named: (type, own key) of each.
        """
        batches = [self._next] if self._writing is None else [self._writing[0], self._next]
        return {
            name: batch.writes.records[name]
            for name in named
            for batch in batches
            if name in batch.writes.records
        }

    def failed(self, error: BaseException) -> Sequence[WaveEnded]:
        """Note that the commit failed, and refuse all pending commands, including later ones.

        Returns:
            the agents' results that are not on disk, in order.
        """
        batches = [self._next] if self._writing is None else [self._writing[0], self._next]
        self._writing, self._next, self._wanted = None, _Batch(), False
        for batch in batches:
            for future, _ in batch.answers:
                future.set_exception((type(error), error, error.__traceback__))
        return [results for batch in batches for results in batch.results]

    @staticmethod
    def _finish(batch: _Batch) -> list[Effect]:
        for future, answer in batch.answers:
            if isinstance(answer, NotFoundError):
                future.set_exception((NotFoundError, answer, None))
            else:
                future.set(answer)
        return batch.after
