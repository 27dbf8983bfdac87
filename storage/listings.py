"""A stack's todos and both kinds of messages, newest first, in pages."""

from collections.abc import Collection, Iterator
from heapq import merge
from typing import Literal

from recursor.domain.message import Message, UserMessage
from recursor.domain.todo import Todo, TodoStatus
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import BROADCASTS, CLOSED, MESSAGES, OPEN, TODOS, UNANSWERED, USER_MESSAGES


def todos_before(
    reader: Reader, stack_id: str, statuses: Collection[TodoStatus] = (), cursor: str = ""
) -> Iterator[Todo]:
    """Yield a stack's todos, newest first.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        statuses: the wanted statuses; empty for all.
        cursor: the id of the last todo on the previous page; empty to start with the newest.

    Raises:
        NotFoundError: the stack does not exist.
    """
    read_stack(reader, stack_id)
    wanted = frozenset(statuses) or frozenset(TodoStatus)
    shelves = {OPEN if each.open else CLOSED for each in wanted}
    shelf = shelves.pop() if len(shelves) == 1 else None
    for todo in TODOS.before(reader, stack_id, cursor, shelf=shelf):
        if todo.status in wanted:
            yield todo


def user_messages_before(
    reader: Reader,
    stack_id: str,
    only: Collection[Literal["answered", "unanswered"]] = (),
    cursor: str = "",
) -> Iterator[UserMessage]:
    """Yield visitors' messages to a stack, newest first. See `todos_before`."""
    read_stack(reader, stack_id)
    shelf = UNANSWERED if set(only) == {"unanswered"} else None
    for message in USER_MESSAGES.before(reader, stack_id, cursor, shelf=shelf):
        if set(only) != {"answered"} or message.answered_at is not None:
            yield message


def messages_before(
    reader: Reader, stack_id: str, only: Collection[Literal["direct", "broadcast"]] = (), cursor: str = ""
) -> Iterator[Message]:
    """Yield other stacks' messages to a stack, and broadcasts, newest first.

    See `todos_before`.
    """
    read_stack(reader, stack_id)
    owners = {"direct": stack_id, "broadcast": BROADCASTS}
    found = [MESSAGES.before(reader, owners[kind], cursor) for kind in sorted(set(only) or owners)]
    yield from merge(*found, key=lambda message: message.id, reverse=True)
