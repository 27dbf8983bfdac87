"""Takes the snapshot that detectors and agents read."""

from collections.abc import Iterable

from recursor.domain.errors import NotFoundError
from recursor.domain.record import Revision
from recursor.domain.snapshot import Snapshot
from recursor.storage.broadcasts import unread_broadcasts
from recursor.storage.revisions import read_revision
from recursor.storage.stacks import agent_state
from recursor.storage.store import Reader
from recursor.storage.tables import (
    ARTIFACTS,
    CLOSED,
    IDEAS,
    MESSAGES,
    OPEN,
    STACKS,
    TODOS,
    UNANSWERED,
    UNPLANNED,
    USER_MESSAGES,
)

# A snapshot stays small whatever a stack has gone through. Open work is read oldest first, so that what
# does not fit now comes in when the older has been dealt with.
MAX_OPEN = 500
MAX_CLOSED_TODOS = 200
MAX_UNPLANNED = 100
MAX_PAST_USER_MESSAGES = 20


def refresh_snapshot(
    reader: Reader, earlier: Snapshot, revision: Revision, ran: Iterable[str], now: float
) -> Snapshot:
    """Return what is true of a stack now, if nothing has changed but what its agents noted for themselves.

    Args:
        reader: the state of the store to read.
        earlier: a snapshot from before, of the same contents and broadcasts.
        revision: the stack's revision now.
        ran: the roles that have run since.
        now: seconds since the epoch, UTC.

    Raises:
        CorruptRecordError: a role's state cannot be read.
    """
    states = dict(earlier.states)
    for role in ran:
        states[role] = agent_state(reader, earlier.stack, role)
    return earlier.but(taken_at=now, revision=revision, states=states)


def take_snapshot(reader: Reader, stack_id: str, roles: Iterable[str], now: float) -> Snapshot:
    """Return what is true of a stack now.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        roles: the roles whose states belong in the snapshot.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: there is no such stack.
        CorruptRecordError: one of its records cannot be read.
    """
    stack = STACKS.get(reader, stack_id)
    if stack is None:
        raise NotFoundError(f"no stack {stack_id}: it does not exist, or was deleted")
    todos = (
        *TODOS.oldest(reader, stack_id, MAX_OPEN, OPEN),
        *TODOS.newest(reader, stack_id, MAX_CLOSED_TODOS, CLOSED),
    )
    user_messages = (
        *USER_MESSAGES.oldest(reader, stack_id, MAX_OPEN, UNANSWERED),
        *USER_MESSAGES.newest(reader, stack_id, MAX_UNPLANNED, UNPLANNED),
        *USER_MESSAGES.newest(reader, stack_id, MAX_PAST_USER_MESSAGES, CLOSED),
    )
    messages = (
        *MESSAGES.oldest(reader, stack_id, MAX_OPEN, OPEN),
        *unread_broadcasts(reader, stack, MAX_OPEN),
    )
    artifacts = ARTIFACTS.newest(reader, stack_id, 1)
    return Snapshot(
        stack=stack,
        taken_at=now,
        revision=read_revision(reader, stack_id),
        idea=IDEAS.get(reader, stack_id),
        todos=tuple(sorted(todos, key=lambda todo: todo.id)),
        user_messages=tuple(sorted(user_messages, key=lambda message: message.id)),
        messages=tuple(sorted(messages, key=lambda message: message.id)),
        artifact=artifacts[0] if artifacts else None,
        states={role: agent_state(reader, stack, role) for role in roles},
    )
