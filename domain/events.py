"""What happens, told as it happens to whoever subscribed. The store, not this, is what is true."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

from recursor.domain.execution import Decision, ExecutionStatus
from recursor.domain.graph import ExecutionGraph, NodeStatus, Usage
from recursor.domain.record import Record, StackId, Timestamp
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.work import WorkReport


class Event(Record):
    """Something that happened to a stack."""

    essential: ClassVar[bool] = False
    """Whether it is told even to who gets only so many events a second: what changes rarely and matters."""

    stack_id: StackId
    at: Timestamp


class StackChanged(Event):
    """A stack was created, or its state or phase changed."""

    essential = True

    name: str
    state: ExecutionState
    phase: Phase
    reason: str | None = None


class StackDeleted(Event):
    """A stack and all that belonged to it are gone."""

    essential = True


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


class NodeProgress(Event):
    """What an agent is about to answer, so far."""

    execution_id: str
    role: str
    text: str
    """The newest of it, cut at the front when it is long."""


class NodeFinished(Event):
    """A node ended, and what it changed is committed."""

    execution_id: str
    role: str
    status: NodeStatus
    note: str | None = None
    seconds: float | None = None
    summary: str = ""
    usage: Usage | None = None
    """What it took of a model, as far as it said."""


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

    essential = True

    problem: str


class UserMessageSent(Event):
    """A visitor wrote to a stack."""

    message_id: str
    sender: str
    content: str


class UserMessageAnswered(Event):
    """A visitor's message was answered."""

    message_id: str
    answer: str


class MessageSent(Event):
    """A stack was written to by another one."""

    message_id: str
    from_stack_id: StackId
    from_name: str
    content: str


class ContentsChanged(Event):
    """Somebody changed what a stack has to work with; of `all`: what holds for all stacks."""

    what: Literal["todos", "idea", "settings"]


KINDS: Mapping[str, type[Event]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in Event.__subclasses__()
}
"""What is told, by the names that it goes by outside."""

EventKind = StrEnum("EventKind", sorted(KINDS))  # type: ignore[misc]  # its members are the kinds of events
"""What somebody can ask to be told."""
