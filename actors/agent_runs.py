"""The runs of a stack's agents: fan-out to the role actors, fan-in of their answers."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from pykka import ActorDeadError

from recursor.actors.environment import Environment
from recursor.actors.messages import RunningAgent
from recursor.actors.role_actor import RoleActor
from recursor.actors.stack_messages import (
    CancelRoleRuns,
    RunAgent,
    RunProgress,
    RunsDue,
    RunTimedOut,
    TakeBackRuns,
)
from recursor.domain.errors import in_one_line
from recursor.domain.graph import Node
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.stack_events import WaveEnded
from recursor.runtime.actor import DispatchedRef
from recursor.runtime.clock import Timer
from recursor.runtime.future import DispatchedFuture, fan_in


class _Running(NamedTuple):
    """A run in progress."""

    node: Node
    snapshot: Snapshot
    progress: RunProgress
    answer: DispatchedFuture[Any]


class AgentRuns:
    """Belongs to one supervisor; only that uses it."""

    def __init__(self, stack_id: str, environment: Environment, tell: Callable[[object], object]) -> None:
        """Start without role actors.

        Args:
            stack_id: the stack.
            environment: where to start them.
            tell: sends a message to the supervisor.
        """
        self._stack_id = stack_id
        self._environment = environment
        self._clock = environment.runtime.clock
        self._post = tell
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._actors: dict[str, DispatchedRef[RoleActor]] = {}
        self._running: dict[str, _Running] = {}

    def fan_out(
        self,
        execution_id: str,
        nodes: Iterable[Node],
        snapshot: Snapshot,
        settings: Settings,
        ended: Callable[[list[Any]], object],
    ) -> None:
        """Start the agents of some nodes.

        Args:
            execution_id: the cycle.
            nodes: the nodes to run.
            snapshot: the snapshot for the agents.
            settings: the stack's.
            ended: called with all answers, in the order of the nodes, on the thread of the last.
        """
        self._running = {}
        answers: list[DispatchedFuture[Any]] = []
        for node in nodes:
            answer: DispatchedFuture[Any] = DispatchedFuture()
            progress = RunProgress()
            self._running[node.key] = _Running(node, snapshot, progress, answer)
            message = RunAgent(answer, execution_id, node, snapshot, settings, progress)
            # If the actor dies with the message, its mailbox fails the same future.
            self._actor(node.role).actor_inbox.post(message, answer)
            answers.append(answer)
        self._watch(settings.limits.node_seconds)
        if len(answers) == 1:
            answers[0].add_done_callback(lambda done: ended([done.outcome]))
        else:
            fan_in(answers).add_done_callback(lambda done: ended(done.get()))

    @property
    def are_running(self) -> bool:
        """Whether a wave is running."""
        return bool(self._running)

    def collect(self, answers: Iterable[Any]) -> WaveEnded:
        """Turn the answers of a wave into results, and count the role actors that died."""
        results: list[NodeResult] = []
        deaths = 0
        for running, answer in zip(self._running.values(), answers, strict=True):
            node = running.node
            if isinstance(answer, NodeResult):
                results.append(answer)
            elif answer is not None:
                # Something killed the actor's thread.
                deaths += self._actors.pop(node.role, None) is not None
                results.append(
                    NodeResult(
                        role=node.role,
                        todo_id=node.todo_id,
                        attempt=node.attempts,
                        saw=running.snapshot,
                        started_at=running.progress.started_at,
                        finished_at=self._environment.runtime.clock.now(),
                        error=f"its actor died: {in_one_line(answer)}",
                    )
                )
        self._running = {}
        return WaveEnded(tuple(results), deaths=deaths)

    def take_back(self) -> None:
        """Withdraw the agents that still wait for a slot."""
        self._tell_running(TakeBackRuns())

    def cancel(self) -> None:
        """Abandon all runs, ahead of other messages; their results are discarded."""
        for role in {running.node.role for running in self._running.values()}:
            if role in self._actors:
                self._actors[role].actor_inbox.urgent = True
        self._tell_running(CancelRoleRuns())
        self._running = {}

    def stop(self) -> None:
        """Abandon all runs and stop the role actors."""
        self.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for actor in self._actors.values():
            actor.stop(block=False)
        self._actors.clear()

    def describe(self) -> tuple[RunningAgent, ...]:
        """Return the runs in progress."""
        return tuple(
            RunningAgent(
                role=running.node.role,
                todo_id=running.node.todo_id,
                wave=running.node.wave,
                attempt=running.node.attempts,
                reason=running.node.reason,
                since=running.progress.started_at,
            )
            for running in self._running.values()
            if not running.answer.done()
        )

    def _watch(self, seconds: float) -> None:
        """Check the time limits when the first of them can be reached; one timer serves many waves."""
        due = self._clock.now() + seconds
        if self._timer is None or due < self._timer_due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due = due
            self._timer = self._clock.call_at(due, lambda: self._post(RunsDue()))

    def look_at_limits(self, seconds: float) -> None:
        """Abandon the runs that have reached their time limit.

        Args:
            seconds: the limit, counted from the start of the agent.
        """
        self._timer = None
        now = self._clock.now()
        due = None
        for key, running in self._running.items():
            if running.answer.done():
                continue
            started = running.progress.started_at
            ends = (now if started is None else started) + seconds
            if ends <= now:
                self._actors[running.node.role].actor_inbox.post(RunTimedOut(key, seconds), None)
            else:
                due = ends if due is None else min(due, ends)
        if due is not None:
            self._watch(due - now)

    def _actor(self, role: str) -> DispatchedRef[RoleActor]:
        actor = self._actors.get(role)
        if actor is None or not actor.is_alive():
            actor = self._actors[role] = RoleActor.start(
                self._stack_id, self._environment.roles[role], self._environment
            )
        return actor

    def _tell_running(self, message: object) -> None:
        roles = set()
        for running in self._running.values():
            running.progress.withdrawn = True
            if not running.answer.done():
                roles.add(running.node.role)
        for role in sorted(roles & self._actors.keys()):
            # The answers of a dead actor's runs report that.
            with suppress(ActorDeadError):
                self._actors[role].tell(message)
