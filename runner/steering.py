"""What a person can do to stacks, whoever does it for them: a runner, or nobody but the store."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import JsonValue

from recursor.domain.errors import RecursorError
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.spending import BudgetChanges
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.orchestration.control import Command

Answer = dict[str, Any]
"""A record as JSON shows it."""


class RunnerSilentError(RecursorError):
    """The runner did not answer; whether it did what was asked is not known."""


class UnauthorizedError(RecursorError):
    """The runner wants a token, or another one."""


class Steering(Protocol):
    """Each returns when what was asked for is on disk; each may be repeated without doing it twice.

    All raise the errors of `recursor.domain.errors` and `recursor.storage.errors`.
    """

    def create(self, stack: Stack, idea: ProjectIdea | None, start: bool) -> Answer:
        """Store a new stack, and start it if so wished. Returns the stack."""
        ...

    def control(self, stack_id: str, command: Command) -> Answer:
        """Start, pause, resume or stop a stack. Returns the stack."""
        ...

    def configure(self, stack_id: str, changes: Mapping[str, Mapping[str, JsonValue]]) -> Answer:
        """Override settings; None takes an override back. Returns the stack."""
        ...

    def limit_all(self, changes: BudgetChanges) -> Answer:
        """Limit what all stacks may spend together; None takes a limit back. Returns their spending."""
        ...

    def rename(self, stack_id: str, name: str) -> Answer:
        """Call a stack something else. Returns the stack."""
        ...

    def delete(self, stack_id: str) -> None:
        """Remove a stack and all that belongs to it."""
        ...

    def send(self, message: UserMessage) -> Answer:
        """Write to a stack as a visitor. Returns the message."""
        ...

    def send_between(self, message: Message) -> Answer:
        """Have a stack write to another one, or to all others. Returns the message."""
        ...

    def set_idea(self, idea: ProjectIdea) -> Answer:
        """Give a stack another idea. Returns the project as it is then."""
        ...

    def add_todo(self, todo: Todo) -> Answer:
        """Give a stack a todo. Returns the todo."""
        ...

    def edit_todo(self, stack_id: str, todo_id: str, content: str | None, priority: int | None) -> Answer:
        """Rewrite an open todo, or say anew how urgent it is; what is None stays. Returns the todo."""
        ...

    def cancel_todo(self, stack_id: str, todo_id: str) -> Answer:
        """Cancel an open todo. Returns the todo."""
        ...
