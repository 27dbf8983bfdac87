"""Broadcasts: one record for all receivers, each of which keeps the place up to which it has read."""

import logging
from collections.abc import Iterator
from itertools import islice

from recursor.domain.ids import new_id
from recursor.domain.message import Message
from recursor.domain.stack import Stack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader
from recursor.storage.tables import BROADCASTS, MESSAGES, OPEN

logger = logging.getLogger("recursor.storage")


def newest_broadcast(reader: Reader) -> str:
    """Return the id of the newest broadcast, or "" if there is none."""
    return next(MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, newest_first=True), "")


def next_broadcast_id(newest: str, overtaken: str | None = None) -> str:
    """Return an id for a broadcast that sorts after `newest`, the last one before it.

    It is given in the transaction that stores the broadcast: one that was made earlier and stored later would
    stand before the place of those who have read what came between, and never be read.

    Args:
        newest: the id of the newest broadcast.
        overtaken: the id the broadcast had. What comes after the time in it stays, if there is room, so that
            the broadcast can be recognised.
    """
    made, tail = new_id(), (overtaken or "")[12:]
    if len(tail) == 20:
        later = f"{int(newest[:12] or '0', 16) + 1:012x}"
        for moment in (made[:12], later):
            if len(moment) == 12 and moment + tail > newest:
                return moment + tail
    return made if made > newest else f"{int(newest, 16) + 1:032x}"


def unread_broadcasts(reader: Reader, stack: Stack, limit: int) -> list[Message]:
    """Return the oldest broadcasts of others that a stack has not read.

    They reach every stack, so one that cannot be read is passed over: it must not hold up all of them.
    """
    return list(islice(_unread(reader, stack), limit))


def _unread(reader: Reader, stack: Stack) -> Iterator[Message]:
    for message_id in MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, after=stack.broadcasts_read):
        try:
            message = MESSAGES.get(reader, BROADCASTS, message_id)
        except CorruptRecordError as error:
            logger.error("%s", error)
            continue
        if message is not None and message.from_stack_id != stack.id:
            yield message
