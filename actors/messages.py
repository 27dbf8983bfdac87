"""The messages to the orchestrator: the protocol for programs that embed or control Recursor.

An `ask` is answered when its changes are on disk. Commands to one stack are defined in
`recursor.domain.commands`, and listed here with the rest.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import Field

from recursor.actors.event_bus import Listener
from recursor.actors.event_rate import EventRate
from recursor.domain.commands import (
    AddTodo,
    AnswerApproval,
    CancelTodo,
    Command,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    RenameStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
    TakePull,
)
from recursor.domain.events import Event
from recursor.domain.question import Question
from recursor.domain.record import Record, RoleName, Timestamp
from recursor.domain.settings import RetentionSettings
from recursor.domain.spending import BudgetChanges, Spending
from recursor.domain.stack import Stack
from recursor.domain.work import WorkReport
from recursor.storage.retention import Pruned

__all__ = [
    "AddTodo",
    "AnswerApproval",
    "CancelTodo",
    "Command",
    "ConfigureStack",
    "ControlAll",
    "ControlStack",
    "CreateStack",
    "DeleteStack",
    "EditTodo",
    "GetLoad",
    "GetStatus",
    "GetWork",
    "LimitAll",
    "OrchestratorLoad",
    "Prune",
    "PruneBroadcasts",
    "RenameStack",
    "Repair",
    "RunningAgent",
    "SendStackMessage",
    "SendUserMessage",
    "SetIdea",
    "Shutdown",
    "StackStatus",
    "Subscribe",
    "TakePull",
    "Unsubscribe",
]


@dataclass(frozen=True, slots=True)
class ControlAll(Question[Mapping[str, Stack | BaseException]]):
    """Control all stacks that the command would change, or some. No agent starts until all have obeyed.

    Answered with a mapping of each stack's id to the `Stack`, or to the error.
    """

    command: Command
    stack_ids: Collection[str] | None = None
    """The stacks; None: all."""


@dataclass(frozen=True, slots=True)
class LimitAll(Question[Spending]):
    """Limit the spending of all stacks together; None removes a limit, so that the runner's settings apply
    again.

    Answered with the `Spending` of all, or `InvalidInputError`.
    """

    changes: BudgetChanges


@dataclass(frozen=True, slots=True)
class Prune(Question[Pruned]):
    """Remove a stack's expired records. Answered with a `recursor.storage.retention.Pruned`."""

    stack_id: str
    keep: RetentionSettings
    dry_run: bool = False
    """Only count them."""


@dataclass(frozen=True, slots=True)
class Repair(Question[tuple[tuple[str, bytes], ...]]):
    """Remove unreadable records of a stack. Answered with the removed ones.

    `ConflictError` if the stack may run.
    """

    stack_id: str
    records: tuple[tuple[str, bytes], ...]
    """(table, key) of each. A readable one stays."""


@dataclass(frozen=True, slots=True)
class PruneBroadcasts(Question[Pruned]):
    """Remove broadcasts that every stack has read, and expired sums over all stacks. Answered with a
    `Pruned`."""

    dry_run: bool = False
    """Only count them."""


@dataclass(frozen=True, slots=True)
class GetStatus(Question["StackStatus"]):
    """Ask for a stack's current activity. Answered with a `StackStatus`, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class GetWork(Question[WorkReport]):
    """Ask which roles of a stack have work. Answered with a `WorkReport`, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class GetLoad(Question["OrchestratorLoad"]):
    """Ask for the orchestrator's load. Answered with an `OrchestratorLoad`, or the error at its start."""


@dataclass(frozen=True, slots=True)
class Subscribe(Question[None]):
    """Subscribe an actor to the events of one stack, or of all. Answered with None."""

    listener: Listener
    stack_id: str | None = None
    rate: EventRate | None = None
    """The most events to deliver; None: all."""
    kinds: frozenset[type[Event]] | None = None
    """The wanted kinds; None: all. Events that nobody wants are not even made."""


@dataclass(frozen=True, slots=True)
class Unsubscribe(Question[None]):
    """End all subscriptions of an actor. Answered with None."""

    listener: Listener


@dataclass(frozen=True, slots=True)
class Shutdown(Question[bool]):
    """Start no more agents, wait for the running ones up to `grace` seconds, and stop. Answered with a bool:

    whether all running agents ended in time. Abandoned agents run again at the next start.
    """

    grace: float = 10.0


class RunningAgent(Record):
    """An agent's run."""

    role: RoleName
    todo_id: str | None = None
    """The todo that it works on, if the run is for one."""
    wave: int
    attempt: int
    reason: str
    since: Timestamp | None = None
    """When it began; None while it waits for a slot."""


class StackStatus(Record):
    """A stack's current activity."""

    stack: Stack
    active: bool
    """Whether its actors are in memory."""
    cycle: int | None = None
    """The number of the running cycle."""
    wave: int | None = None
    running: tuple[RunningAgent, ...] = ()
    trouble: str | None = None
    """The problem that keeps it from running, if its records do not show it, such as a full disk."""


class OrchestratorLoad(Record):
    """The current load of an orchestrator."""

    active_stacks: int
    sleeping_stacks: int
    """Stacks without actors that a timer will wake."""
    agents_limit: int = Field(default=0, ge=0)
    """The most concurrent agents; 0 if unknown."""
    agents_running: int
    agents_queued: int
    agents_abandoned: int
    """Threads in agents that did not end when cancelled."""
    roles: tuple[str, ...] = ()
    """The team's roles."""
