"""The current activity, as events report it: the picture for a person who watches."""

from collections import Counter
from dataclasses import dataclass, field

from recursor.domain.events import (
    CycleFinished,
    CycleStarted,
    Event,
    NodeFinished,
    NodeStarted,
    StackChanged,
    StackDeleted,
    StackWaits,
    Trouble,
)
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus, node_key
from recursor.domain.stack import ExecutionState, Phase, Stack


@dataclass(frozen=True, slots=True)
class Active:
    """A running agent."""

    role: str
    since: float
    """Seconds since the epoch, UTC."""
    reason: str
    todo_id: str | None = None
    """The todo that it works on, if the run is for one."""


@dataclass(slots=True)
class View:
    """One stack, according to events."""

    id: str
    name: str
    state: ExecutionState
    phase: Phase
    reason: str | None = None
    cycle: int | None = None
    waves: int = 0
    wave: int | None = None
    """The running wave, from 0; None between cycles."""
    running: dict[str, Active] = field(default_factory=dict)
    """By the keys of their nodes."""
    waits: str | None = None
    """Why nothing runs."""
    until: float | None = None
    """When it is checked next: seconds since the epoch, UTC."""
    last: str = ""
    """The last agent's summary."""
    trouble: str | None = None
    seen_at: float = 0.0
    """Time of the last event: seconds since the epoch, UTC."""


@dataclass(slots=True)
class BoardTotals:
    """Totals since the board was made."""

    cycles: int = 0
    failed_cycles: int = 0
    agent_runs: int = 0
    failures: int = 0
    """Runs of agents that failed."""
    agent_seconds: float = 0.0
    decisions: Counter[str] = field(default_factory=Counter)


class Board:
    """The views of all stacks with events, and the totals. For one thread."""

    def __init__(self) -> None:
        """Start empty."""
        self.views: dict[str, View] = {}
        self.totals = BoardTotals()

    def note(self, stack: Stack) -> None:
        """Set the view of a stack from the store."""
        view = self.views.get(stack.id)
        if view is None:
            self.views[stack.id] = View(stack.id, stack.name, stack.state, stack.phase, stack.state_reason)
        else:
            view.name, view.state, view.phase = stack.name, stack.state, stack.phase
            view.reason = stack.state_reason

    def apply(self, event: Event) -> None:
        """Take over what an event tells. Of a stack that was not noted, only the totals are counted."""
        self._count(event)
        if isinstance(event, StackDeleted):
            self.views.pop(event.stack_id, None)
            return
        view = self.views.get(event.stack_id)
        if view is None:
            if not isinstance(event, StackChanged):
                return
            view = self.views[event.stack_id] = View(event.stack_id, event.name, event.state, event.phase)
        view.seen_at = event.at
        match event:
            case StackChanged():
                _change(view, event)
            case CycleStarted():
                view.cycle, view.waves, view.wave = event.number, event.graph.waves, None
                view.waits = view.until = view.trouble = None
                view.running.clear()
            case NodeStarted():
                view.wave = event.wave
                key = node_key(event.role, event.todo_id)
                view.running[key] = Active(event.role, event.at, event.reason, event.todo_id)
            case NodeFinished():
                view.running.pop(node_key(event.role, event.todo_id), None)
                view.last = event.note or event.summary or view.last
            case CycleFinished():
                view.wave = None
                view.running.clear()
            case StackWaits():
                view.waits, view.until = event.decision.reason, event.until
            case Trouble():
                view.trouble = event.problem
            case _:
                pass

    def _count(self, event: Event) -> None:
        totals = self.totals
        match event:
            case NodeFinished(status=NodeStatus.COMPLETED | NodeStatus.FAILED | NodeStatus.WAITING):
                totals.agent_runs += 1
                totals.failures += event.status is NodeStatus.FAILED
                totals.agent_seconds += event.seconds or 0.0
            case CycleFinished():
                totals.cycles += 1
                totals.failed_cycles += event.status is ExecutionStatus.FAILED
                if event.decision is not None:
                    totals.decisions[event.decision.kind.value] += 1
            case _:
                pass


def _change(view: View, event: StackChanged) -> None:
    view.name, view.state, view.phase, view.reason = event.name, event.state, event.phase, event.reason
    if event.state is not ExecutionState.RUNNING:
        view.waits = view.until = None
    if event.state is ExecutionState.STOPPED:
        view.running.clear()
