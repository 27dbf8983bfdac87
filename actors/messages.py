"""What the orchestrator is told and asked: the protocol of everyone who embeds or steers Recursor.

An `ask` is answered when what was asked for is on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field, JsonValue

from recursor.actors.event_rate import EventRate
from recursor.actors.event_stream import Listener
from recursor.domain.events import Event
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.record import Record, RoleName, Timestamp
from recursor.domain.spending import BudgetChanges
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.orchestration.control import Command


@dataclass(frozen=True, slots=True)
class CreateStack:
    """Store a new stack, made by `recursor.storage.stacks.new_stack`. Answered with the `Stack`."""

    stack: Stack
    idea: ProjectIdea | None = None
    start: bool = False


@dataclass(frozen=True, slots=True)
class ControlStack:
    """Steer a stack. Answered with the `Stack`, or `NotFoundError`, `ConflictError`."""

    stack_id: str
    command: Command
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteStack:
    """Remove a stack and all that belongs to it. Answered with None, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class ConfigureStack:
    """Override settings; None takes an override back. Answered with the `Stack`, or `InvalidInputError`."""

    stack_id: str
    changes: Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class LimitAll:
    """Limit what all stacks may spend together; None takes a limit back: the runner's settings hold again.

    Answered with the `Spending` of all, or `InvalidInputError`.
    """

    changes: BudgetChanges


@dataclass(frozen=True, slots=True)
class RenameStack:
    """Call a stack something else. Answered with the `Stack`, or `InvalidInputError`."""

    stack_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SetIdea:
    """Give a stack an idea, or another one: what was planned stays until the planner has read it.

    Answered with the `ProjectIdea` as it is then.
    """

    idea: ProjectIdea


@dataclass(frozen=True, slots=True)
class SendUserMessage:
    """A visitor writes to a stack. Answered with the `UserMessage`."""

    message: UserMessage


@dataclass(frozen=True, slots=True)
class SendMessage:
    """One stack writes to another, or to all. Answered with the `Message`."""

    message: Message


@dataclass(frozen=True, slots=True)
class AddTodo:
    """A person gives a stack a todo. Answered with the `Todo`."""

    todo: Todo


@dataclass(frozen=True, slots=True)
class EditTodo:
    """A person rewrites an open todo, or says anew how urgent it is; what is None stays.

    Answered with the `Todo`, or `NotFoundError`, `ConflictError`.
    """

    stack_id: str
    todo_id: str
    content: str | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class CancelTodo:
    """A person cancels a todo. Answered with the `Todo`."""

    stack_id: str
    todo_id: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Something was written to a stack in the store: look at it. Not answered."""

    stack_id: str
    outside: bool = False
    """Whether another process wrote it: then the stack's state may have changed too."""


@dataclass(frozen=True, slots=True)
class GetStatus:
    """Ask what a stack is doing now. Answered with a `StackStatus`, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class GetWork:
    """Ask who has work in a stack. Answered with a `WorkReport`, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class GetLoad:
    """Ask what the orchestrator has to do. Answered with an `OrchestratorLoad`, or why it could not start."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Have the events of one stack, or of all, told to an actor. Answered with None."""

    listener: Listener
    stack_id: str | None = None
    rate: EventRate | None = None
    """How many to tell at most; None: every one."""
    kinds: frozenset[type[Event]] | None = None
    """Which to tell; None: all kinds. What nobody wants is not even made."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End all subscriptions of an actor. Answered with None."""

    listener: Listener


@dataclass(frozen=True, slots=True)
class Shutdown:
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
