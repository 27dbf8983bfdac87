"""The stacks that have a supervisor, and those that sleep until they are due."""

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.runtime.clock import Timer
from recursor.runtime.actor import stop
from recursor.actors.environment import Environment
from recursor.runtime.future import DispatchedFuture, fan_in
from recursor.actors.messages import Changed
from recursor.actors.stack_messages import Activate, MayRest, StayUp, SupervisorDied, WakeUp
from recursor.actors.supervisor import StackSupervisor
from recursor.domain.events import Trouble

logger = logging.getLogger("recursor.actors")


@dataclass(slots=True)
class _Active:
    """A stack with actors."""

    supervisor: ActorRef[StackSupervisor]
    routed: int = 0
    """How many messages were sent to the supervisor."""
    mourned: bool = False
    """It has died, and its successor is about to start."""


class Roster:
    """Belongs to one orchestrator, and is used by it alone."""

    def __init__(self, environment: Environment, tell: Callable[[object], None]) -> None:
        """Begin with nobody.

        Args:
            environment: where supervisors are started.
            tell: tells the orchestrator.
        """
        self._environment = environment
        self._clock = environment.clock
        self._tell = tell
        self._active: dict[str, _Active] = {}
        self._sleeping: dict[str, Timer] = {}
        self._deaths: dict[str, deque[float]] = {}
        self.closed = False
        """Whether no supervisor is started any more."""

    def __contains__(self, stack_id: str) -> bool:
        """Whether a stack has a supervisor."""
        return stack_id in self._active

    def __iter__(self) -> Iterator[str]:
        """Yield the stacks that have one."""
        return iter(self._active)

    @property
    def active(self) -> int:
        """How many stacks have one."""
        return len(self._active)

    @property
    def sleeping(self) -> int:
        """How many stacks have none, and a timer."""
        return len(self._sleeping)

    def answers(self, stack_id: str) -> bool:
        """Whether a stack has a supervisor to ask: not one that has died and is about to be replaced."""
        active = self._active.get(stack_id)
        return active is not None and active.supervisor.is_alive()

    def route(self, stack_id: str, message: object) -> None:
        """Tell the supervisor of a stack that has one."""
        active = self._active[stack_id]
        active.routed += 1
        # A supervisor that has died says so itself, in a message that is on its way.
        with contextlib.suppress(ActorDeadError):
            active.supervisor.tell(message)

    def ask(self, stack_id: str, message: object) -> DispatchedFuture[Any]:
        """Ask the supervisor of a stack that has one."""
        active = self._active[stack_id]
        active.routed += 1
        future = active.supervisor.ask(message, block=False)
        assert isinstance(future, DispatchedFuture)
        return future

    def wake(self, message: Changed) -> None:
        """Have a stack looked at, by the supervisor it has or by a new one."""
        if message.stack_id in self._active:
            self.route(message.stack_id, message)
        else:
            self.activate(message.stack_id)

    def wake_up(self, message: WakeUp) -> None:
        """Start the supervisor of a stack whose timer went off."""
        self._sleeping.pop(message.stack_id, None)
        self.activate(message.stack_id)

    def activate(self, stack_id: str) -> None:
        """Start the supervisor of a stack, unless it has one or all are ending."""
        if self.closed or stack_id in self._active:
            return
        self.cancel_sleep(stack_id)
        supervisor = StackSupervisor.start(stack_id, self._environment)
        self._active[stack_id] = _Active(supervisor)
        self.route(stack_id, Activate())

    def may_rest(self, message: MayRest) -> None:
        """Stop a supervisor that has nothing to do, if no message to it is on its way."""
        active = self._active.get(message.stack_id)
        if active is None:
            return
        if active.routed != message.handled:
            self.route(message.stack_id, StayUp())
            return
        del self._active[message.stack_id]
        stop(active.supervisor)
        if message.next_look_at is not None and not self.closed:
            self.sleep_until(message.stack_id, message.next_look_at)

    def sleep_until(self, stack_id: str, due: float) -> None:
        """Wake a stack when it is due (seconds since the epoch, UTC)."""
        self.cancel_sleep(stack_id)
        self._sleeping[stack_id] = self._clock.call_at(due, lambda: self._tell(WakeUp(stack_id)))

    def cancel_sleep(self, stack_id: str) -> None:
        """Let a stack sleep until something happens."""
        timer = self._sleeping.pop(stack_id, None)
        if timer is not None:
            timer.cancel()

    def forget(self, stack_id: str) -> None:
        """Remember nothing of a stack that is gone, but its supervisor."""
        self.cancel_sleep(stack_id)
        self._deaths.pop(stack_id, None)

    def dismiss(self, stack_id: str) -> None:
        """Stop the supervisor of a stack that is gone, and forget it."""
        self.forget(stack_id)
        active = self._active.pop(stack_id, None)
        if active is not None:
            stop(active.supervisor)

    def report_killed(self) -> None:
        """Tell of the supervisors that died without a last breath: their thread was killed under them."""
        for stack_id, active in self._active.items():
            if not active.supervisor.is_alive() and not active.mourned:
                self._tell(SupervisorDied(stack_id, active.supervisor.actor_urn, "its thread was killed"))

    def mourn(self, message: SupervisorDied) -> bool | None:
        """Take note of a supervisor's death.

        It keeps its place until nothing that it submitted is still to come. What reaches the stack meanwhile
        is read by its successor.

        Returns:
            whether its stack has lost more of them lately than it may; None: this death is known already.
        """
        stack_id, now = message.stack_id, self._clock.now()
        active = self._active.get(stack_id)
        if active is None or active.supervisor.actor_urn != message.urn or active.mourned:
            return None
        active.mourned = True
        limits = self._environment.settings.limits
        deaths = self._deaths.setdefault(stack_id, deque())
        deaths.append(now)
        while deaths and deaths[0] < now - limits.child_death_window:
            deaths.popleft()
        logger.error(
            "stack %s: its supervisor died: %s", stack_id, message.problem, extra={"stack": stack_id}
        )
        self._environment.events.publish(Trouble(stack_id=stack_id, at=now, problem=message.problem))
        too_many = len(deaths) > limits.child_deaths
        if too_many:
            deaths.clear()
        return too_many

    def bury(self, stack_id: str, urn: str) -> bool:
        """Free the place of a supervisor that has died. Returns whether it was still there."""
        active = self._active.get(stack_id)
        if active is None or active.supervisor.actor_urn != urn:
            return False
        del self._active[stack_id]
        return True

    def stop_all(self) -> DispatchedFuture[list[Any]]:
        """Stop all supervisors. Returns the future of their ends."""
        return fan_in([stop(active.supervisor) for active in self._active.values()])

    def cancel_timers(self) -> None:
        """Wake nobody any more."""
        for timer in self._sleeping.values():
            timer.cancel()
