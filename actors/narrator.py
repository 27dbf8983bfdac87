"""Tells what happens to one stack, to whoever subscribed; makes the events only if somebody did."""

from collections.abc import Iterable
from typing import Any

from recursor.actors.environment import Environment
from recursor.domain.effect import AnswerUserMessage
from recursor.domain.events import (
    CycleFinished,
    CycleStarted,
    Event,
    NodeFinished,
    StackChanged,
    StackDeleted,
    StackWaits,
    Trouble,
    UserMessageAnswered,
)
from recursor.domain.execution import Decision, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.stack import Stack
from recursor.storage.cycle_steps import CycleEnd, NodeResult


class Narrator:
    """Belongs to one supervisor. Nothing is told before it is on disk."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        self._id = stack_id
        self._events = environment.events
        self._clock = environment.clock

    def changed(self, before: Stack, stack: Stack) -> None:
        """Tell of a new name, state or phase, if there is one."""
        if (before.state, before.phase, before.name) != (stack.state, stack.phase, stack.name):
            self._tell(
                StackChanged, name=stack.name, state=stack.state, phase=stack.phase, reason=stack.state_reason
            )

    def deleted(self) -> None:
        """Tell that the stack is gone."""
        self._tell(StackDeleted)

    def began(self, execution: OrchestratorExecution, graph: ExecutionGraph) -> None:
        """Tell that a cycle began."""
        self._tell(CycleStarted, execution_id=execution.id, number=execution.number, graph=graph)

    def committed(self, graph: ExecutionGraph, results: Iterable[NodeResult]) -> None:
        """Tell how the nodes of a wave ended."""
        if not self._events.wanted(self._id, essential=True):
            return
        nodes = {node.role: node for node in graph.nodes}
        for result in results:
            self._tell(
                NodeFinished,
                # Failures are rare, for a failing stack is slowed down, and what everybody looks for.
                essential=nodes[result.role].status is NodeStatus.FAILED,
                execution_id=graph.id,
                role=result.role,
                status=nodes[result.role].status,
                note=nodes[result.role].note,
                seconds=None if result.started_at is None else result.finished_at - result.started_at,
                summary="" if result.outcome is None else result.outcome.summary,
                usage=nodes[result.role].usage,
            )
            for effect in () if result.outcome is None else result.outcome.effects:
                if isinstance(effect, AnswerUserMessage):
                    self._tell(UserMessageAnswered, message_id=effect.message_id, answer=effect.answer)

    def ended(self, end: CycleEnd) -> None:
        """Tell that a cycle ended."""
        failed = any(node.status is NodeStatus.FAILED for node in end.graph.nodes)
        self._tell(
            CycleFinished,
            essential=failed,
            execution_id=end.execution.id,
            number=end.execution.number,
            status=ExecutionStatus.FAILED if failed else ExecutionStatus.COMPLETED,
            decision=end.decision,
            seconds=end.now - end.execution.started_at,
        )

    def waits(self, decision: Decision, until: float | None) -> None:
        """Tell that the stack has nothing to run, and until when (seconds since the epoch, UTC)."""
        self._tell(StackWaits, decision=decision, until=until)

    def trouble(self, problem: str) -> None:
        """Tell what keeps the stack from going on."""
        self._tell(Trouble, problem=problem)

    def _tell(self, event: type[Event], *, essential: bool = False, **fields: Any) -> None:
        essential = essential or event.essential
        if self._events.wanted(self._id, event, essential=essential):
            self._events.publish(
                event(stack_id=self._id, at=self._clock.now(), **fields), essential=essential
            )
