"""What people's messages change in a stack: the transaction, whom it concerns, and what is told of it.

Each is told apart from its message alone; the orchestrator commits it, answers, and has the stack looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from recursor.actors import choosing
from recursor.actors.environment import Environment
from recursor.actors.messages import (
    AddTodo,
    CancelTodo,
    ConfigureStack,
    EditTodo,
    RenameStack,
    SendMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.events import ContentsChanged, Event, MessageSent, StackChanged, UserMessageSent
from recursor.domain.message import Message, UserMessage
from recursor.domain.stack import Stack
from recursor.storage import conversations, stacks
from recursor.storage.store import Writer
from recursor.storage.tables import BROADCASTS


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is written to a stack, whether it has actors or not."""

    stack_id: str
    """The stack that has something to look at then; `BROADCASTS` for all of them."""
    work: Callable[[Writer], Any]
    """Writes it. What it returns is the answer."""
    news: Callable[[Any], Event]
    """Makes of the answer what is told to whoever wants to know."""


def configure(message: ConfigureStack, environment: Environment) -> Change:
    """Override a stack's settings, if it can run with them."""
    settings, runner, now = environment.settings, environment.runner, environment.clock.now()

    def work(writer: Writer) -> Stack:
        changes = message.changes
        return choosing.configure(
            writer, message.stack_id, changes, settings, runner, lambda: environment.roles, now
        )

    return _contents(message.stack_id, "settings", work, environment)


def rename(message: RenameStack, environment: Environment) -> Change:
    """Call a stack something else."""
    return Change(
        message.stack_id,
        lambda writer: stacks.rename_stack(writer, message.stack_id, message.name),
        lambda stack: stack_changed(stack, environment.clock.now()),
    )


def set_idea(message: SetIdea, environment: Environment) -> Change:
    """Give a stack an idea."""
    now = environment.clock.now()
    return _contents(
        message.idea.stack_id, "idea", lambda writer: stacks.set_idea(writer, message.idea, now), environment
    )


def send_user_message(message: SendUserMessage, _environment: Environment) -> Change:
    """Write to a stack as a visitor."""

    def news(sent: UserMessage) -> Event:
        return UserMessageSent(
            stack_id=sent.stack_id,
            at=sent.created_at,
            message_id=sent.id,
            sender=sent.sender,
            content=sent.content,
        )

    return Change(
        message.message.stack_id,
        lambda writer: conversations.add_user_message(writer, message.message),
        news,
    )


def send_message(message: SendMessage, _environment: Environment) -> Change:
    """Have one stack write to another, or to all."""
    receiver = message.message.to_stack_id or BROADCASTS

    def news(sent: Message) -> Event:
        return MessageSent(
            stack_id=receiver,
            at=sent.created_at,
            message_id=sent.id,
            from_stack_id=sent.from_stack_id,
            from_name=sent.from_name,
            content=sent.content,
        )

    return Change(receiver, lambda writer: conversations.add_message(writer, message.message), news)


def add_todo(message: AddTodo, environment: Environment) -> Change:
    """Give a stack a todo."""
    return _contents(
        message.todo.stack_id,
        "todos",
        lambda writer: conversations.add_todo(writer, message.todo),
        environment,
    )


def edit_todo(message: EditTodo, environment: Environment) -> Change:
    """Rewrite an open todo."""
    now = environment.clock.now()
    return _contents(
        message.stack_id,
        "todos",
        lambda writer: conversations.edit_todo(
            writer, message.stack_id, message.todo_id, message.content, message.priority, now
        ),
        environment,
    )


def cancel_todo(message: CancelTodo, environment: Environment) -> Change:
    """Cancel an open todo."""
    now = environment.clock.now()
    return _contents(
        message.stack_id,
        "todos",
        lambda writer: conversations.cancel_todo(writer, message.stack_id, message.todo_id, now),
        environment,
    )


def contents_changed(
    stack_id: str, what: Literal["todos", "idea", "settings", "outside"], now: float
) -> ContentsChanged:
    """Return what is told when something in a stack has changed (`now` in seconds since the epoch, UTC)."""
    return ContentsChanged(stack_id=stack_id, at=now, what=what)


def stack_changed(stack: Stack, now: float) -> StackChanged:
    """Return what is told when a stack has a new name, state or phase."""
    return StackChanged(
        stack_id=stack.id,
        at=now,
        name=stack.name,
        state=stack.state,
        phase=stack.phase,
        reason=stack.state_reason,
    )


def _contents(
    stack_id: str,
    what: Literal["todos", "idea", "settings"],
    work: Callable[[Writer], Any],
    environment: Environment,
) -> Change:
    return Change(stack_id, work, lambda _: contents_changed(stack_id, what, environment.clock.now()))


CHANGES: dict[type, Callable[[Any, Environment], Change]] = {
    ConfigureStack: configure,
    RenameStack: rename,
    SetIdea: set_idea,
    SendUserMessage: send_user_message,
    SendMessage: send_message,
    AddTodo: add_todo,
    EditTodo: edit_todo,
    CancelTodo: cancel_todo,
}
"""What makes the change of a message, by its type."""
