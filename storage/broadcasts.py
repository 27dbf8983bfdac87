"""Broadcasts: one record for all receivers, each of which records how far it has read."""

import logging
from collections.abc import Callable, Iterator
from heapq import nsmallest

from recursor.domain.ids import earliest_id, new_id
from recursor.domain.message import Message
from recursor.domain.stack import Stack
from recursor.storage.codec import decode
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError
from recursor.storage.retention import SETTLED, Pruned
from recursor.storage.rollups import delete_old_totals
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import BROADCASTS, MESSAGES, OPEN, STACKS

logger = logging.getLogger("recursor.storage")


def newest_broadcast(reader: Reader) -> str:
    """Return the id of the newest broadcast, or "" if there is none."""
    return next(MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, newest_first=True), "")


def next_broadcast_id(newest: str, overtaken: str | None = None, new_id: Callable[[], str] = new_id) -> str:
    """Return an id for a broadcast that sorts after `newest`, the last one before it.

    It is assigned in the transaction that stores the broadcast. Otherwise a broadcast created earlier but
    stored later would come before ones that stacks have already read, and never be read.

    Args:
        newest: the id of the newest broadcast.
        overtaken: the broadcast's earlier id. Its part after the time is kept, if there is room, so that the
            broadcast can be recognised.
        new_id: makes ids that sort by age.
    """
    made, tail = new_id(), (overtaken or "")[12:]
    if len(tail) == 20:
        later = f"{int(newest[:12] or '0', 16) + 1:012x}"
        for moment in (made[:12], later):
            if len(moment) == 12 and moment + tail > newest:
                return moment + tail
    return made if made > newest else f"{int(newest, 16) + 1:032x}"


def broadcast_like(reader: Reader, message: Message) -> Message | None:
    """Return the stored form of `message`, whose id may have changed since; None if it is not stored."""
    known = MESSAGES.get(reader, BROADCASTS, message.id)
    if known is not None:
        return known
    made = message.id[12:]
    # It was created later than those before its time.
    for key in MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, after=message.id):
        if key[12:] == made:
            return MESSAGES.get(reader, BROADCASTS, key)
    return None


def unread_broadcasts(reader: Reader, stack: Stack) -> Iterator[Message]:
    """Yield the broadcasts of others that a stack has not read, oldest first.

    Unreadable broadcasts are skipped: one of them must not block every stack.
    """
    for message_id in MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, after=stack.broadcasts_read):
        try:
            message = MESSAGES.get(reader, BROADCASTS, message_id)
        except CorruptRecordError as error:
            logger.error("%s", error)
            continue
        if message is not None and message.from_stack_id != stack.id:
            yield message


def needless_broadcasts(reader: Reader, before: float) -> Iterator[tuple[bytes, bytes]]:
    """Yield the broadcasts that no stack still has to read: each has read them or wrote them itself.

    The newest is kept, so that later ids sort after it even if the clock is set back. The yielded ones stay
    unneeded: stacks only read forward, and new ones start after the newest.

    Args:
        reader: the state of the store to read.
        before: only those created before this time, in seconds since the epoch, UTC.

    Raises:
        CorruptRecordError: a stack cannot be read, so its position is unknown.
    """
    places = nsmallest(
        2,
        (
            (stack.broadcasts_read, stack.id)
            for key, value in reader.scan(STACKS.name)
            for stack in (decode(Stack, value, STACKS.name, key),)
        ),
    )
    newest, made_before = newest_broadcast(reader), earliest_id(before)
    for key, value in reader.scan(MESSAGES.name, *prefix_range(f"{BROADCASTS}/{OPEN.decode()}/".encode())):
        message_id = key.rpartition(b"/")[2].decode()
        if message_id >= min(newest, made_before):
            return
        waiting = [stack_id for place, stack_id in places if place < message_id]
        if not waiting or (len(waiting) == 1 and _author(key, value) == waiting[0]):
            yield key, value


def _author(key: bytes, value: bytes) -> str | None:
    try:
        return decode(Message, value, MESSAGES.name, key).from_stack_id
    except CorruptRecordError:
        return None


def prunable_broadcasts(reader: Reader, now: float) -> tuple[Commit, Pruned]:
    """Return a commit that removes broadcasts that no stack still has to read, and old sums over all stacks.

    Args:
        reader: the state of the store to read.
        now: seconds since the epoch, UTC.

    Raises:
        CorruptRecordError: a stack cannot be read, so its position is unknown.
    """
    commit, pruned = Commit(), Pruned()
    for key, value in needless_broadcasts(reader, now - SETTLED):
        commit.delete(MESSAGES.name, key)
        pruned.records[MESSAGES.name] += 1
        pruned.bytes += len(key) + len(value)
    delete_old_totals(commit, reader, now)
    return commit, pruned
