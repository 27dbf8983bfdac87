"""What the orchestrator is told and asked: the protocol of everyone who embeds or steers Recursor.

An `ask` is answered when what was asked for is on disk. Commands to one stack are defined in
`recursor.domain.commands`, and listed here with the rest.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import Field

from recursor.actors.event_bus import Listener
from recursor.actors.event_rate import EventRate
from recursor.domain.commands import (
    AddTodo,
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
    "Unsubscribe",
]


@dataclass(frozen=True, slots=True)
class ControlAll(Question[Mapping[str, Stack | BaseException]]):
    """Steer all stacks that a command makes a difference to, or some. No agent begins until all have obeyed.

    Answered with a mapping of each stack's id to the `Stack`, or to the error.
    """

    command: Command
    stack_ids: Collection[str] | None = None
    """Which stacks; None: all."""


@dataclass(frozen=True, slots=True)
class LimitAll(Question[Spending]):
    """Limit what all stacks may spend together; None takes a limit back: the runner's settings hold again.

    Answered with the `Spending` of all, or `InvalidInputError`.
    """

    changes: BudgetChanges


@dataclass(frozen=True, slots=True)
class Prune(Question[Pruned]):
    """Remove what a stack need not keep. Answered with a `recursor.storage.retention.Pruned`."""

    stack_id: str
    keep: RetentionSettings
    dry_run: bool = False
    """Count it only."""


@dataclass(frozen=True, slots=True)
class Repair(Question[tuple[tuple[str, bytes], ...]]):
    """Remove records of a stack that cannot be read. Answered with those that were removed.

    `ConflictError` if the stack may run.
    """

    stack_id: str
    records: tuple[tuple[str, bytes], ...]
    """(table, key) of each. One that can be read stays."""


@dataclass(frozen=True, slots=True)
class PruneBroadcasts(Question[Pruned]):
    """Remove broadcasts that every stack has read, and old sums over all stacks. Answered with a `Pruned`."""

    dry_run: bool = False
    """Count it only."""


@dataclass(frozen=True, slots=True)
class GetStatus(Question["StackStatus"]):
    """Ask what a stack is doing now. Answered with a `StackStatus`, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class GetWork(Question[WorkReport]):
    """Ask who has work in a stack. Answered with a `WorkReport`, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class GetLoad(Question["OrchestratorLoad"]):
    """Ask what the orchestrator has to do. Answered with an `OrchestratorLoad`, or why it could not start."""


@dataclass(frozen=True, slots=True)
class Subscribe(Question[None]):
    """Have the events of one stack, or of all, told to an actor. Answered with None."""

    listener: Listener
    stack_id: str | None = None
    rate: EventRate | None = None
    """How many to tell at most; None: every one."""
    kinds: frozenset[type[Event]] | None = None
    """Which to tell; None: all kinds. What nobody wants is not even made."""


@dataclass(frozen=True, slots=True)
class Unsubscribe(Question[None]):
    """End all subscriptions of an actor. Answered with None."""

    listener: Listener


@dataclass(frozen=True, slots=True)
class Shutdown(Question[bool]):
    """Start no more agents, wait for the running ones up to `grace` seconds, and stop. Answered with a bool:

    whether all running agents ended in time. What was abandoned is run again at the next start.
    """

    grace: float = 10.0


class RunningAgent(Record):
    """An agent that has been given work."""

    role: RoleName
    wave: int
    attempt: int
    reason: str
    since: Timestamp | None = None
    """When it began; None while it waits for one of the limited places."""


class StackStatus(Record):
    """What a stack is doing now."""

    stack: Stack
    active: bool
    """Whether its actors are in memory."""
    cycle: int | None = None
    """The number of the running cycle."""
    wave: int | None = None
    running: tuple[RunningAgent, ...] = ()
    trouble: str | None = None
    """What keeps it from going on, when that is not in its records: a full disk, for one."""


class OrchestratorLoad(Record):
    """What an orchestrator has to do at one moment."""

    active_stacks: int
    sleeping_stacks: int
    """Stacks without actors that a timer will wake."""
    agents_limit: int = Field(default=0, ge=0)
    """How many may run at a time; 0 when it is not known."""
    agents_running: int
    agents_queued: int
    agents_abandoned: int
    """Threads in agents that did not end when they were told to."""
    roles: tuple[str, ...] = ()
    """Those of the team."""
