"""Messages between teams: those to a stack, broadcasts, and those that it sent."""

from collections.abc import Iterator
from heapq import merge
from itertools import islice

from recursor.domain.message import Message
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader
from recursor.storage.tables import BROADCASTS, MESSAGES, STACKS

# Messages that are looked through for those a stack wrote, some 0.2 s: they stand with who receives them.
LOOKED_THROUGH = 100_000


def newest_team_messages(reader: Reader, stack_id: str, limit: int) -> list[Message]:
    """Return up to `limit` messages from and to one stack, newest first."""
    received = [MESSAGES.before(reader, owner, None) for owner in (stack_id, BROADCASTS)]
    sent = _sent_by(reader, stack_id)
    return list(islice(merge(*received, sent, key=lambda each: each.id, reverse=True), limit))


def name_of(reader: Reader, stack_id: str) -> str:
    """Return the name of the stack that a message went to."""
    try:
        stack = STACKS.get(reader, stack_id)
    except CorruptRecordError:
        return stack_id
    return "a deleted team" if stack is None else stack.name


def _sent_by(reader: Reader, stack_id: str) -> list[Message]:
    """Return what a stack wrote to others but to all, newest first."""
    return sorted(_sent(reader, stack_id), key=lambda each: each.id, reverse=True)


def _sent(reader: Reader, stack_id: str) -> Iterator[Message]:
    wanted = stack_id.encode()
    for key, value in islice(reader.scan(MESSAGES.name), LOOKED_THROUGH):
        # The receiver is in the key, the sender in the value as it is: most need not be read for it.
        if wanted in value and not key.startswith((wanted + b"/", BROADCASTS.encode() + b"/")):
            try:
                message = MESSAGES.read(key, value)
            except CorruptRecordError:
                # It is its receiver's trouble, whose page tells.
                continue
            if message.from_stack_id == stack_id:
                yield message
