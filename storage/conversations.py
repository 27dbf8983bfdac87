"""Transactions on what people and other stacks tell a stack: todos, visitors' messages, stacks' messages."""

from pydantic import ValidationError

from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.ids import new_id
from recursor.domain.message import Message, UserMessage
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.storage.broadcasts import newest_broadcast, next_broadcast_id
from recursor.storage.revisions import bump_revision
from recursor.storage.stacks import note_input, note_news
from recursor.storage.store import Writer
from recursor.storage.tables import BROADCASTS, MESSAGES, TODOS, USER_MESSAGES


def new_user_message(stack_id: str, sender: str, content: str, now: float) -> UserMessage:
    """Make the record of a visitor's message, not stored yet.

    Raises:
        InvalidInputError: the sender is not one line of 1 to 200 characters, or the content not 1 to 20,000.
    """
    try:
        return UserMessage(id=new_id(), stack_id=stack_id, sender=sender, content=content, created_at=now)
    except ValidationError as error:
        raise InvalidInputError.explaining("message", error) from None


def add_user_message(writer: Writer, message: UserMessage) -> UserMessage:
    """Store a visitor's message; one that is there already stays as it is.

    Raises:
        NotFoundError: there is no such stack.
    """
    known = USER_MESSAGES.get(writer, message.stack_id, message.id)
    if known is not None:
        return known
    USER_MESSAGES.add(writer, message)
    note_input(writer, message.stack_id, message.created_at)
    return message


def new_message(sender: Stack, to_stack_id: str | None, content: str, now: float) -> Message:
    """Make the record of a message from one stack to another, or to all others, not stored yet.

    Raises:
        InvalidInputError: the content is not 1 to 20,000 characters.
    """
    try:
        return Message(
            id=new_id(),
            from_stack_id=sender.id,
            from_name=sender.name,
            to_stack_id=to_stack_id,
            content=content,
            created_at=now,
        )
    except ValidationError as error:
        raise InvalidInputError.explaining("message", error) from None


def add_message(writer: Writer, message: Message) -> Message:
    """Store a message between stacks, in the one place its receiver, or every receiver, reads.

    Returns:
        the message as it is stored: one that is there already stays as it is, and a broadcast that others
        have overtaken gets a later id.

    Raises:
        NotFoundError: there is no such receiver.
    """
    known = MESSAGES.get(writer, message.to_stack_id or BROADCASTS, message.id)
    if known is not None:
        return known
    if message.to_stack_id is None and message.id <= (newest := newest_broadcast(writer)):
        message = message.but(id=next_broadcast_id(newest, message.id))
    MESSAGES.add(writer, message)
    if message.to_stack_id is None:
        bump_revision(writer, BROADCASTS)
    else:
        note_news(writer, message.to_stack_id, message.created_at)
    return message


def new_todo(stack_id: str, content: str, priority: int, now: float) -> Todo:
    """Make the record of a todo that a person gives, not stored yet.

    Raises:
        InvalidInputError: the content is not 1 to 2,000 characters, or the priority not 1 to 5.
    """
    try:
        return Todo(
            id=new_id(),
            stack_id=stack_id,
            content=content,
            priority=priority,
            assigned_by="user",
            created_at=now,
            updated_at=now,
            updated_by="user",
        )
    except ValidationError as error:
        raise InvalidInputError.explaining("todo", error) from None


def add_todo(writer: Writer, todo: Todo) -> Todo:
    """Store a todo; one that is there already stays as it is.

    Raises:
        NotFoundError: there is no such stack.
    """
    known = TODOS.get(writer, todo.stack_id, todo.id)
    if known is not None:
        return known
    TODOS.add(writer, todo)
    note_input(writer, todo.stack_id, todo.created_at)
    return todo


def edit_todo(
    writer: Writer, stack_id: str, todo_id: str, content: str | None, priority: int | None, now: float
) -> Todo:
    """Change what an open todo says, or how urgent it is; what is None stays.

    Raises:
        NotFoundError: there is no such todo.
        ConflictError: it is completed or cancelled.
        InvalidInputError: the content is not 1 to 2,000 characters, or the priority not 1 to 5.
    """
    todo = _existing_todo(writer, stack_id, todo_id)
    if not todo.status.open:
        raise ConflictError(f"todo {todo_id} is {todo.status.value}: it cannot be changed any more")
    changes = {
        name: value for name, value in (("content", content), ("priority", priority)) if value is not None
    }
    try:
        edited = Todo.model_validate({**todo.__dict__, **changes})
    except ValidationError as error:
        raise InvalidInputError.explaining("todo", error) from None
    if edited == todo:
        return todo
    edited = edited.but(updated_at=now, updated_by="user")
    TODOS.put(writer, edited)
    note_input(writer, stack_id, now)
    return edited


def cancel_todo(writer: Writer, stack_id: str, todo_id: str, now: float) -> Todo:
    """Cancel an open todo. One that is cancelled already comes back as it is.

    Raises:
        NotFoundError: there is no such todo.
        ConflictError: it is completed.
    """
    todo = _existing_todo(writer, stack_id, todo_id)
    if todo.status is TodoStatus.CANCELLED:
        return todo
    if todo.status is TodoStatus.COMPLETED:
        raise ConflictError(f"todo {todo_id} is completed: it cannot be cancelled any more")
    todo = todo.but(status=TodoStatus.CANCELLED, closed_at=now, updated_at=now, updated_by="user")
    TODOS.put(writer, todo)
    note_input(writer, stack_id, now)
    return todo


def _existing_todo(writer: Writer, stack_id: str, todo_id: str) -> Todo:
    todo = TODOS.get(writer, stack_id, todo_id)
    if todo is None:
        raise NotFoundError(f"no todo {todo_id} in stack {stack_id}: `recursor todos` lists them")
    return todo
