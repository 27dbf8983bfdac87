"""Commands of people, programs and other stacks to one stack. The stack's owner carries them out.

Each is answered when its change is on disk. Commands that create a record carry its id, so that repeating
them does nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

from recursor.domain.approval import Approval
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.question import Question
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.workspace import Pull, Workspace


class Command(StrEnum):
    """A command that changes whether a stack runs."""

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
    workspace: Workspace | None = None
    """For a stack that works on a repository."""

    @property
    def stack_id(self) -> str:
        """The stack that it concerns."""
        return self.stack.id


@dataclass(frozen=True, slots=True)
class ControlStack(Question[Stack]):
    """Start, pause, resume or stop a stack. Answered with the `Stack`, or `ConflictError`."""

    stack_id: str
    command: Command
    reason: str | None = None
    only_if_concerned: bool = False
    """Whether to leave a stack alone, and answer None, if the command would not change its state: for
    commands to all stacks."""


@dataclass(frozen=True, slots=True)
class DeleteStack(Question[None]):
    """Remove a stack and all its records. Answered with None, or `NotFoundError`."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class ConfigureStack(Question[Stack]):
    """Override settings; None removes an override. Answered with the `Stack`, or `InvalidInputError`."""

    stack_id: str
    changes: Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class RenameStack(Question[Stack]):
    """Rename a stack. Answered with the `Stack`, or `InvalidInputError`."""

    stack_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SetIdea(Question[ProjectIdea]):
    """Give a stack an idea, or replace its idea; its plan stays until the planner has read the new one.

    Answered with the resulting `ProjectIdea`.
    """

    idea: ProjectIdea

    @property
    def stack_id(self) -> str:
        """The stack that it concerns."""
        return self.idea.stack_id


@dataclass(frozen=True, slots=True)
class SendUserMessage(Question[UserMessage]):
    """Write to a stack as a visitor. Answered with the `UserMessage`."""

    message: UserMessage

    @property
    def stack_id(self) -> str:
        """The stack that it concerns."""
        return self.message.stack_id


@dataclass(frozen=True, slots=True)
class SendStackMessage(Question[Message]):
    """Write from one stack to another, or to all others. Answered with the `Message`."""

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
        """The stack that it concerns."""
        return self.todo.stack_id


@dataclass(frozen=True, slots=True)
class EditTodo(Question[Todo]):
    """Change an open todo; None leaves a field as it is. It may be tried again, however often it failed.

    Answered with the `Todo`, or `NotFoundError`, `ConflictError`.
    """

    stack_id: str
    todo_id: str
    content: str | None = None
    priority: int | None = None
    needs: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CancelTodo(Question[Todo]):
    """Cancel a todo. Answered with the `Todo`, or `NotFoundError`, `ConflictError`."""

    stack_id: str
    todo_id: str


@dataclass(frozen=True, slots=True)
class TakePull(Question[Workspace]):
    """Merge commits of a person into the workspace. Their objects are in its repository already.

    Answered with the `Workspace`, or `ConflictError` if the stack has none.
    """

    stack_id: str
    pull: Pull


@dataclass(frozen=True, slots=True)
class AnswerApproval(Question[Approval]):
    """Approve or reject what an agent asks for.

    Answered with the `Approval`, or `NotFoundError`, `ConflictError`.
    """

    stack_id: str
    approval_id: str
    approved: bool
    note: str | None = None
    """For the agents."""
    by: str = "user"
    """Who answers."""


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
    | TakePull
    | AnswerApproval
)
