"""What people, programs and other stacks can have done to one stack. Its owner carries it out.

Each is answered when it is on disk. Those that make something carry its id, so that they can be repeated
without doing it twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.question import Question
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo


class Command(StrEnum):
    """What a person can tell a stack to do."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class CreateStack(Question[Stack]):
    """Store a new stack, made by `recursor.domain.new_records.new_stack`. Answered with the `Stack`."""

    stack: Stack
    idea: ProjectIdea | None = None
    start: bool = False

    @property
    def stack_id(self) -> str:
        """The stack it concerns."""
        return self.stack.id


@dataclass(frozen=True, slots=True)
class ControlStack(Question[Stack]):
    """Start, pause, resume or stop a stack. Answered with the `Stack`, or `ConflictError`."""

    stack_id: str
    command: Command
    reason: str | None = None
    only_if_concerned: bool = False
    """Whether a stack whose state the command makes no difference to stays as it is. The answer is None then:
    it is one of many, which nobody has named."""


@dataclass(frozen=True, slots=True)
class DeleteStack(Question[None]):
    """Remove a stack and all that belongs to it. Answered with None, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class ConfigureStack(Question[Stack]):
    """Override settings; None takes an override back. Answered with the `Stack`, or `InvalidInputError`."""

    stack_id: str
    changes: Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class RenameStack(Question[Stack]):
    """Rename a stack. Answered with the `Stack`, or `InvalidInputError`."""

    stack_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SetIdea(Question[ProjectIdea]):
    """Give a stack an idea, or another one; what was planned stays until the planner has read it.

    Answered with the `ProjectIdea` as it is then.
    """

    idea: ProjectIdea

    @property
    def stack_id(self) -> str:
        """The stack it concerns."""
        return self.idea.stack_id


@dataclass(frozen=True, slots=True)
class SendUserMessage(Question[UserMessage]):
    """A visitor writes to a stack. Answered with the `UserMessage`."""

    message: UserMessage

    @property
    def stack_id(self) -> str:
        """The stack it concerns."""
        return self.message.stack_id


@dataclass(frozen=True, slots=True)
class SendStackMessage(Question[Message]):
    """One stack writes to another, or to all others. Answered with the `Message`."""

    message: Message

    @property
    def stack_id(self) -> str:
        """The receiver; empty for a broadcast."""
        return self.message.to_stack_id or ""


@dataclass(frozen=True, slots=True)
class AddTodo(Question[Todo]):
    """Give a stack a todo. Answered with the `Todo`."""

    todo: Todo

    @property
    def stack_id(self) -> str:
        """The stack it concerns."""
        return self.todo.stack_id


@dataclass(frozen=True, slots=True)
class EditTodo(Question[Todo]):
    """Rewrite an open todo, or change its priority; what is None stays.

    Answered with the `Todo`, or `NotFoundError`, `ConflictError`.
    """

    stack_id: str
    todo_id: str
    content: str | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class CancelTodo(Question[Todo]):
    """Cancel a todo. Answered with the `Todo`, or `NotFoundError`, `ConflictError`."""

    stack_id: str
    todo_id: str


StackCommand = (
    CreateStack
    | ControlStack
    | DeleteStack
    | ConfigureStack
    | RenameStack
    | SetIdea
    | SendUserMessage
    | SendStackMessage
    | AddTodo
    | EditTodo
    | CancelTodo
)
