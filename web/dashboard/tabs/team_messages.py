"""Messages between teams: to a stack, broadcasts, and those it sent."""

from collections.abc import Iterator
from heapq import merge
from itertools import islice

from recursor.domain.message import Message
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader
from recursor.storage.tables import BROADCASTS, MESSAGES, STACKS

# Messages searched for those of one sender, some 0.2 s: they are stored with their receivers.
LOOKED_THROUGH = 100_000


def newest_team_messages(reader: Reader, stack_id: str, limit: int) -> list[Message]:
    """Return up to `limit` messages from and to one stack, newest first."""
    received = [MESSAGES.before(reader, owner, None) for owner in (stack_id, BROADCASTS)]
    sent = _sent_by(reader, stack_id)
    return list(islice(merge(*received, sent, key=lambda each: each.id, reverse=True), limit))


def name_of(reader: Reader, stack_id: str) -> str:
    """Return the name of the receiving stack."""
    try:
        stack = STACKS.get(reader, stack_id)
    except CorruptRecordError:
        return stack_id
    return "a deleted team" if stack is None else stack.name


def _sent_by(reader: Reader, stack_id: str) -> list[Message]:
    """Return a stack's messages to others and its broadcasts, newest first."""
    return sorted(_sent(reader, stack_id), key=lambda each: each.id, reverse=True)


def _sent(reader: Reader, stack_id: str) -> Iterator[Message]:
    wanted = stack_id.encode()
    for key, value in islice(reader.scan(MESSAGES.name), LOOKED_THROUGH):
        # The receiver is in the key, and the sender in the undecoded value: most need not be decoded.
        if wanted in value and not key.startswith((wanted + b"/", BROADCASTS.encode() + b"/")):
            try:
                message = MESSAGES.read(key, value)
            except CorruptRecordError:
                # The receiver's page reports it.
                continue
            if message.from_stack_id == stack_id:
                yield message
