"""The stacks that have a supervisor, and those that sleep until they are due."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from recursor.actors.environment import Environment
from recursor.actors.stack_messages import (
    Activate,
    MayPassivate,
    PlaceVacated,
    StackGone,
    StayActive,
    SupervisorDied,
    TakeFence,
    WakeUp,
)
from recursor.actors.supervisor import StackSupervisor
from recursor.domain.commands import CreateStack
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import Trouble
from recursor.runtime.actor import DispatchedRef, stop
from recursor.runtime.clock import Timer
from recursor.runtime.future import DispatchedFuture, fan_in
from recursor.storage.commit import Commit, Fence, FenceNumbers
from recursor.storage.errors import FencedError, StorageError

logger = logging.getLogger("recursor.actors")

_Sent = tuple[object, DispatchedFuture[Any] | None]


@dataclass(slots=True)
class _Active:
    """A stack with actors."""

    supervisor: DispatchedRef[StackSupervisor]
    sent: int = 0
    """Number of messages sent to the supervisor."""
    is_dead: bool = False
    """Whether it has died, and its successor is about to start."""


class Roster:
    """Belongs to one orchestrator; only that uses it."""

    def __init__(self, environment: Environment, tell: Callable[[object], None]) -> None:
        """Start without stacks.

        Args:
            environment: where to start supervisors.
            tell: sends a message to the orchestrator.
        """
        self._environment = environment
        self._clock = environment.runtime.clock
        self._tell = tell
        self._fences = FenceNumbers()
        self._active: dict[str, _Active] = {}
        self._sleeping: dict[str, Timer] = {}
        self._waiting: dict[str, list[_Sent]] = {}
        """Messages to stacks whose dead supervisor is being replaced."""
        self._deaths: dict[str, deque[float]] = {}
        self.closed = False
        """Whether the roster is closed: no more supervisors are started."""

    def __contains__(self, stack_id: str) -> bool:
        """Whether a stack has a supervisor."""
        return stack_id in self._active

    def __iter__(self) -> Iterator[str]:
        """Yield the stacks with a supervisor."""
        return iter(list(self._active))

    @property
    def active(self) -> int:
        """Number of stacks with a supervisor."""
        return len(self._active)

    @property
    def sleeping(self) -> int:
        """Number of stacks with only a timer."""
        return len(self._sleeping)

    def tell(self, stack_id: str, message: object) -> None:
        """Send a message to the supervisor of a stack, starting it if necessary.

        Raises:
            NotFoundError: there is no such stack.
            ConflictError: the orchestrator is ending.
        """
        self._send(stack_id, message, None)

    def ask(self, stack_id: str, message: object, *, urgent: bool = False) -> DispatchedFuture[Any]:
        """Ask the supervisor of a stack, starting it if necessary.

        Args:
            stack_id: the stack.
            message: the message.
            urgent: whether it goes ahead of the messages of busy stacks.

        Raises:
            NotFoundError: there is no such stack.
            ConflictError: the orchestrator is ending.
        """
        future: DispatchedFuture[Any] = DispatchedFuture()
        active = self._active.get(stack_id)
        if urgent and active is not None:
            # Its next wave of agents resets that.
            active.supervisor.actor_inbox.urgent = True
        self._send(stack_id, message, future)
        return future

    def ask_all(self, message: object) -> list[DispatchedFuture[Any]]:
        """Ask all running supervisors."""
        futures: list[DispatchedFuture[Any]] = []
        for active in self._active.values():
            if active.supervisor.is_alive():
                futures.append(DispatchedFuture())
                self._post(active, message, futures[-1])
        return futures

    def activate(self, stack_id: str, create: CreateStack | None = None) -> None:
        """Start the supervisor of a stack, unless it has one.

        Args:
            stack_id: the stack.
            create: the stack, if it does not exist yet.

        Raises:
            NotFoundError: it was deleted.
            ConflictError: the orchestrator is ending.
        """
        if stack_id not in self._active:
            self._start(stack_id, self._next_fence(stack_id), create)

    def wake_up(self, message: WakeUp) -> None:
        """Start the supervisor of a stack whose timer is due; retry later while the disk cannot be read."""
        stack_id, now = message.stack_id, self._clock.now()
        self._sleeping.pop(stack_id, None)
        if self.closed:
            return
        try:
            self.activate(stack_id)
        except StorageError as error:
            logger.warning("stack %s: %s", stack_id, error, extra={"stack": stack_id})
            self._environment.events.publish(Trouble(stack_id=stack_id, at=now, problem=str(error)))
            self.sleep_until(stack_id, now + self._environment.runner.storage_retry)

    def may_passivate(self, message: MayPassivate) -> None:
        """Stop an idle supervisor, unless a message to it is on its way."""
        active = self._active.get(message.stack_id)
        if active is None or not active.supervisor.is_alive():
            # It died after that offer, and is being replaced.
            return
        if active.sent != message.handled:
            self._post(active, StayActive(), None)
            return
        del self._active[message.stack_id]
        stop(active.supervisor)
        if message.due is not None and not self.closed:
            self.sleep_until(message.stack_id, message.due)

    def sleep_until(self, stack_id: str, due: float) -> None:
        """Wake a stack when it is due (seconds since the epoch, UTC)."""
        self._cancel_sleep(stack_id)
        self._sleeping[stack_id] = self._clock.call_at(due, lambda: self._tell(WakeUp(stack_id)))

    def dismiss(self, message: StackGone) -> None:
        """Stop the supervisor of a deleted stack, and forget the stack."""
        stack_id = message.stack_id
        active = self._active.get(stack_id)
        if active is not None and active.supervisor.actor_urn == message.urn:
            self._cancel_sleep(stack_id)
            self._deaths.pop(stack_id, None)
            del self._active[stack_id]
            stop(active.supervisor)

    def note_death(self, message: SupervisorDied) -> bool:
        """Note a supervisor's death, and invalidate its fence.

        It keeps its entry until all its commits have been written or refused. Messages to the stack meanwhile
        wait for its successor.

        Returns:
            whether the stack has recently lost more supervisors than allowed.
        """
        stack_id, now = message.stack_id, self._clock.now()
        active = self._active.get(stack_id)
        if active is None or active.supervisor.actor_urn != message.urn or active.is_dead:
            return False
        active.is_dead = True
        limits = self._environment.settings.limits
        deaths = self._deaths.setdefault(stack_id, deque())
        deaths.append(now)
        while deaths and deaths[0] < now - limits.child_death_window:
            deaths.popleft()
        logger.error(
            "stack %s: its supervisor died: %s", stack_id, message.problem, extra={"stack": stack_id}
        )
        self._environment.events.publish(Trouble(stack_id=stack_id, at=now, problem=message.problem))
        self._take_fence(stack_id, message.urn)
        too_many = len(deaths) > limits.child_deaths
        if too_many:
            deaths.clear()
        return too_many

    def replace(self, message: PlaceVacated, suspend: str | None = None) -> None:
        """Start a successor: now, or later if its fence could not be written.

        Args:
            message: names the dead supervisor.
            suspend: a reason for the successor to pause the stack before anything else; None to continue.
        """
        stack_id, urn = message.stack_id, message.urn
        active = self._active.get(stack_id)
        if active is None or active.supervisor.actor_urn != urn:
            return
        error = message.error
        if error is not None and not isinstance(error, NotFoundError):
            due = self._clock.now() + self._environment.runner.storage_retry
            self._clock.call_at(due, lambda: self._tell(TakeFence(stack_id, urn)))
            return
        del self._active[stack_id]
        waiting = self._waiting.pop(stack_id, [])
        if error is None and self.closed:
            error = ConflictError("the orchestrator is shutting down")
        if error is not None:
            for _, future in waiting:
                _refuse(future, error)
            return
        successor = self._start(stack_id, message.fence, suspend=suspend)
        for sent, future in waiting:
            self._post(successor, sent, future)

    def take_fence(self, message: TakeFence) -> None:
        """Refuse the remaining commits of a dead supervisor, after those already in the queue."""
        self._take_fence(message.stack_id, message.urn)

    def stop_all(self) -> DispatchedFuture[list[Any]]:
        """Stop all supervisors. Returns the future of all their ends."""
        self.closed = True
        for waiting in self._waiting.values():
            for _, future in waiting:
                _refuse(future, ConflictError("the orchestrator is shutting down"))
        self._waiting.clear()
        return fan_in([stop(active.supervisor) for active in self._active.values()])

    def cancel_timers(self) -> None:
        """Stop waking stacks."""
        for timer in self._sleeping.values():
            timer.cancel()

    def _send(self, stack_id: str, message: object, future: DispatchedFuture[Any] | None) -> None:
        active = self._active.get(stack_id)
        if active is not None and not active.supervisor.is_alive():
            if self.closed:
                raise ConflictError("the orchestrator is shutting down")
            # Its thread was killed, or it is about to report its own death.
            self._tell(SupervisorDied(stack_id, active.supervisor.actor_urn, "its thread was killed"))
            self._waiting.setdefault(stack_id, []).append((message, future))
            return
        if active is None:
            active = self._start(stack_id, self._next_fence(stack_id))
        self._post(active, message, future)

    def _start(
        self, stack_id: str, fence: Fence, create: CreateStack | None = None, suspend: str | None = None
    ) -> _Active:
        if self.closed:
            raise ConflictError("the orchestrator is shutting down")
        self._cancel_sleep(stack_id)
        active = _Active(StackSupervisor.start(stack_id, self._environment))
        self._active[stack_id] = active
        self._post(active, Activate(fence, create, suspend), None)
        return active

    def _next_fence(self, stack_id: str) -> Fence:
        with self._environment.store.read() as reader:
            try:
                return self._fences.take(reader, stack_id)
            except FencedError:
                raise NotFoundError(f"no stack {stack_id}: it does not exist or was deleted") from None

    def _take_fence(self, stack_id: str, urn: str) -> None:
        try:
            fence = self._next_fence(stack_id)
        except (NotFoundError, StorageError) as error:
            self._tell(PlaceVacated(stack_id, urn, Fence(stack_id, 0), error))
            return

        def done(error: BaseException | None) -> None:
            self._tell(PlaceVacated(stack_id, urn, fence, error))

        try:
            self._environment.store.commit(Commit(fence), done)
        except StorageError as error:
            done(error)

    def _cancel_sleep(self, stack_id: str) -> None:
        timer = self._sleeping.pop(stack_id, None)
        if timer is not None:
            timer.cancel()

    @staticmethod
    def _post(active: _Active, message: object, future: DispatchedFuture[Any] | None) -> None:
        active.sent += 1
        active.supervisor.actor_inbox.post(message, future)


def _refuse(future: DispatchedFuture[Any] | None, error: BaseException) -> None:
    if future is not None:
        future.set_exception((type(error), error, None))
