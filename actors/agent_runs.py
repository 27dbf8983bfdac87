"""The runs of a stack's agents: fan-out to the role actors, time limits, abandonment, and replacement."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pykka import ActorRef

from recursor.actors.environment import Environment
from recursor.runtime.future import DispatchedFuture, fan_in
from recursor.actors.messages import RunningAgent
from recursor.actors.role_actor import RoleActor
from recursor.actors.stack_messages import RunAgent, RunTimedOut, Ticket
from recursor.domain.errors import in_one_line
from recursor.domain.graph import Node
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.storage.cycle_steps import NodeResult


@dataclass(slots=True)
class _Running:
    """One run under way."""

    node: Node
    execution_id: str
    snapshot: Snapshot
    ticket: Ticket = field(default_factory=Ticket)
    error: str | None = None
    answer: DispatchedFuture[Any] | None = None

    taken_back: bool = False
    """Whether it was given up before it began."""

    @property
    def ended(self) -> bool:
        """Whether the agent has answered, and only the others of its wave are waited for."""
        return self.answer is not None and self.answer.done()


class AgentRuns:
    """Belongs to one supervisor, and is used by it alone."""

    def __init__(self, stack_id: str, supervisor: ActorRef[Any], environment: Environment) -> None:
        self._stack_id = stack_id
        self._supervisor = supervisor
        self._environment = environment
        self._actors: dict[str, ActorRef[RoleActor]] = {}
        self._running: dict[str, _Running] = {}
        self._deaths: deque[float] = deque()

    def fan_out(
        self, execution_id: str, nodes: Iterable[Node], snapshot: Snapshot, settings: Settings
    ) -> DispatchedFuture[list[Any]]:
        """Give every node's agent its work. Returns the future of all answers, in the order of the nodes."""
        futures: list[DispatchedFuture[Any]] = []
        for node in nodes:
            running = _Running(node, execution_id, snapshot)
            self._running[node.role] = running
            message = RunAgent(
                execution_id=execution_id,
                wave=node.wave,
                attempt=node.attempts,
                reason=node.reason,
                priority=node.priority,
                snapshot=snapshot,
                settings=settings,
                ticket=running.ticket,
            )
            running.answer = answer = self._ask(node.role, message)
            futures.append(answer)
        return fan_in(futures)

    def timed_out(self, message: RunTimedOut, limit: float) -> None:
        """Abandon a run that has reached its time limit: it is answered at once, its actor replaced."""
        running = self._match(message)
        if running is not None and not running.ended:
            running.error = f"exceeded its time limit of {limit:g} s and was abandoned"
            self._abandon(message.role, running)

    def collect(self, answers: Iterable[Any]) -> tuple[NodeResult, ...]:
        """Turn the answers of a wave into results, and note which role actors died.

        What was taken back has no result: it can be fanned out again, as the same attempt.
        """
        now = self._environment.clock.now()
        results = []
        for (role, running), answer in zip(self._running.items(), list(answers), strict=True):
            if running.taken_back:
                continue
            if isinstance(answer, NodeResult) and running.error is None:
                results.append(answer)
                continue
            error = running.error
            if error is None:
                # The actor was not given up by us: its thread has died under it.
                dead = self._actors.pop(role, None)
                if dead is not None and dead.is_alive():
                    dead.stop(block=False)
                self._deaths.append(now)
                error = f"its actor died: {in_one_line(answer)}"
            results.append(
                NodeResult(
                    role=role,
                    attempt=running.node.attempts,
                    saw=running.snapshot,
                    started_at=running.ticket.started_at,
                    finished_at=now,
                    error=error,
                )
            )
        self._running.clear()
        return tuple(results)

    def note_death(self) -> None:
        """Count the death of another of the stack's actors."""
        self._deaths.append(self._environment.clock.now())

    def deaths_within(self, seconds: float) -> int:
        """Return how many of the stack's actors died within the last `seconds`."""
        oldest = self._environment.clock.now() - seconds
        while self._deaths and self._deaths[0] < oldest:
            self._deaths.popleft()
        return len(self._deaths)

    def take_back(self) -> None:
        """Give up the runs that wait for one of the limited places: from now on no agent begins."""
        for role, running in self._running.items():
            if running.ticket.claim():
                running.taken_back = True
                self._abandon(role, running)

    def abandon_all(self) -> None:
        """Give up all runs: what they return is discarded."""
        for role, running in self._running.items():
            self._abandon(role, running)
        self._running.clear()

    def stop(self) -> None:
        """Give up all runs and stop the role actors."""
        self.abandon_all()
        for actor in self._actors.values():
            actor.stop(block=False)
        self._actors.clear()

    def describe(self) -> tuple[RunningAgent, ...]:
        """Return what is under way."""
        return tuple(
            RunningAgent(
                role=role,
                wave=running.node.wave,
                attempt=running.node.attempts,
                reason=running.node.reason,
                since=running.ticket.started_at,
            )
            for role, running in self._running.items()
            if not running.ended
        )

    def _ask(self, role: str, message: RunAgent) -> DispatchedFuture[Any]:
        actor = self._actors.get(role)
        if actor is None or not actor.is_alive():
            actor = RoleActor.start(
                self._stack_id, self._environment.roles[role], self._supervisor, self._environment
            )
            self._actors[role] = actor
        future = actor.ask(message, block=False)
        assert isinstance(future, DispatchedFuture)
        return future

    def _abandon(self, role: str, running: _Running) -> None:
        running.ticket.claim()
        running.ticket.cancelled.set()
        actor = self._actors.pop(role, None)
        if actor is not None:
            self._environment.agents.abandon(actor)

    def _match(self, message: RunTimedOut) -> _Running | None:
        running = self._running.get(message.role)
        if running is None or running.execution_id != message.execution_id:
            return None
        return running if running.node.attempts == message.attempt else None
