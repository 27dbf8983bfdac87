"""What happens, told as it happens to whoever subscribed. The store, not this, is what is true."""

from recursor.domain.execution import Decision, ExecutionStatus
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.record import Record, StackId, Timestamp
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.work import WorkReport


class Event(Record):
    """Something that happened to a stack."""

    stack_id: StackId
    at: Timestamp


class StackChanged(Event):
    """A stack was created, or its state or phase changed."""

    name: str
    state: ExecutionState
    phase: Phase
    reason: str | None = None


class StackDeleted(Event):
    """A stack and all that belonged to it are gone."""


class WorkDetected(Event):
    """The work status of a stack was computed anew."""

    report: WorkReport


class CycleStarted(Event):
    """A cycle began, or goes on after a crash or a pause."""

    execution_id: str
    number: int
    graph: ExecutionGraph


class NodeStarted(Event):
    """An agent began to run."""

    execution_id: str
    role: str
    wave: int
    reason: str


class NodeFinished(Event):
    """A node ended, and what it changed is committed."""

    execution_id: str
    role: str
    status: NodeStatus
    note: str | None = None
    seconds: float | None = None
    summary: str = ""


class CycleFinished(Event):
    """A cycle ended."""

    execution_id: str
    number: int
    status: ExecutionStatus
    decision: Decision | None
    seconds: float


class StackWaits(Event):
    """A stack has nothing to run and waits for a time or an event."""

    decision: Decision
    until: Timestamp | None
    """None: until an event."""


class Trouble(Event):
    """Something is wrong with a stack that its records can not show."""

    problem: str
