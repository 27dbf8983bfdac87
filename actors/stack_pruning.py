"""Removes a stack's expired records, batch by batch between other commits."""

import contextlib
from dataclasses import dataclass
from typing import Any

from pykka import ActorDeadError

from recursor.actors.environment import Environment
from recursor.domain.errors import ConflictError
from recursor.domain.settings import RetentionSettings
from recursor.runtime.actor import DispatchedRef
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.storage.commit import Fence
from recursor.storage.errors import StorageError
from recursor.storage.retention import Pruned, outdated_sums, prunable, removable


@dataclass(frozen=True, slots=True)
class PortionPruned:
    """To a supervisor, from the store: a batch was removed, or the error."""

    error: BaseException | None


class StackPruning:
    """Belongs to one supervisor. The removed records are not in memory, so the machine need not know."""

    def __init__(self, stack_id: str, environment: Environment, supervisor: DispatchedRef[Any]) -> None:
        self._id = stack_id
        self._environment = environment
        self._supervisor = supervisor
        self._keep: RetentionSettings | None = None
        self._done: DispatchedFuture[Pruned] = DispatchedFuture()
        self._pruned = Pruned()

    @property
    def is_running(self) -> bool:
        """Whether batches are being removed."""
        return self._keep is not None

    def start(self, keep: RetentionSettings, fence: Fence | None, *, dry_run: bool = False) -> Any:
        """Start removing expired records, or count them.

        Args:
            keep: the retention limits.
            fence: the stack owner's.
            dry_run: only count them.

        Returns:
            the answer: a `Pruned`, now or later.
        """
        now = self._environment.runtime.clock.now()
        if dry_run:
            with self._environment.store.read() as reader:
                return prunable(reader, self._id, keep, now)
        if self.is_running:
            return Deferred.failed(ConflictError(f"stack {self._id} is being pruned already"))
        with self._environment.store.read() as reader:
            commit = outdated_sums(reader, self._id, keep, now, fence)
        self._keep, self._done, self._pruned = keep, DispatchedFuture(), Pruned()
        if len(commit):
            self._environment.store.commit(commit, self._tell)
        else:
            self._tell(None)
        return Deferred(self._done)

    def continue_after(self, message: PortionPruned, fence: Fence | None) -> None:
        """Remove the next batch, if there is one."""
        if self._keep is None:
            # Pruning was stopped while the store wrote the batch.
            return
        if message.error is not None:
            self.stop(message.error)
            return
        now = self._environment.runtime.clock.now()
        try:
            with self._environment.store.read() as reader:
                commit, portion = removable(reader, self._id, self._keep, now, fence)
        except StorageError as error:
            # It concerns whoever asked, not the stack's supervisor.
            self.stop(error)
            return
        if not portion:
            self._keep = None
            self._done.set(self._pruned)
            return
        self._pruned.add(portion)
        self._environment.store.commit(commit, self._tell)

    def stop(self, error: BaseException) -> None:
        """Stop removing, because of `error`."""
        if self.is_running:
            self._keep = None
            self._done.set_exception((type(error), error, error.__traceback__))

    def _tell(self, error: BaseException | None) -> None:
        with contextlib.suppress(ActorDeadError):
            self._supervisor.tell(PortionPruned(error))
