"""Events, for subscribers as they happen. The source of truth is the store, not these."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

from recursor.domain.approval import ApprovalAction, ApprovalStatus
from recursor.domain.execution import Decision, ExecutionStatus
from recursor.domain.graph import ExecutionGraph, NodeStatus, Usage
from recursor.domain.record import Record, StackId, Timestamp
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.work import WorkReport


class Event(Record):
    """Something that happened to a stack."""

    essential: ClassVar[bool] = False
    """Whether even subscribers with a limit of events per second get it: rare and important changes."""

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
    """A stack was deleted, with all its records."""

    essential = True


class WorkDetected(Event):
    """The work status of a stack was recomputed."""

    report: WorkReport


class CycleStarted(Event):
    """A cycle began, or continues after a crash or a pause."""

    execution_id: str
    number: int
    graph: ExecutionGraph


class NodeStarted(Event):
    """An agent began to run."""

    execution_id: str
    role: str
    todo_id: str | None = None
    """The todo that the node is for, if it is for one."""
    wave: int
    reason: str


class NodeProgress(Event):
    """A part of an agent's answer that is still being written."""

    execution_id: str
    role: str
    todo_id: str | None = None
    """The todo that the node is for, if it is for one."""
    text: str
    """The newest part, cut at the front if it is long."""


class NodeFinished(Event):
    """A node ended, and its changes are committed."""

    execution_id: str
    role: str
    todo_id: str | None = None
    """The todo that the node is for, if it is for one."""
    status: NodeStatus
    note: str | None = None
    seconds: float | None = None
    summary: str = ""
    usage: Usage | None = None
    """Model usage, if the agent reported it."""


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
    """A stack has a problem that its records cannot show."""

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
    """Another stack wrote to a stack."""

    message_id: str
    from_stack_id: StackId
    from_name: str
    content: str


class ApprovalAsked(Event):
    """An agent asks a person for approval."""

    essential = True

    approval_id: str
    action: ApprovalAction
    subject: str


class ApprovalEnded(Event):
    """A request for approval was answered, used or withdrawn."""

    approval_id: str
    status: ApprovalStatus
    note: str | None = None


class ContentsChanged(Event):
    """Somebody changed a stack's settings, or, for `all`, those of all stacks."""

    what: Literal["todos", "idea", "settings"]


KINDS: Mapping[str, type[Event]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in Event.__subclasses__()
}
"""The kinds of events, by their public names."""

EventKind = StrEnum("EventKind", sorted(KINDS))  # type: ignore[misc]  # its members are the kinds of events
"""The events that a subscriber can ask for."""
