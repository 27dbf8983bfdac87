"""Tells the stacks of an older store how far they have counted their cycles."""

import logging
from typing import Any

from msgpack import UnpackException

from recursor.storage.codec import pack, unpack
from recursor.storage.store import Reader, Writer, prefix_range
from recursor.storage.tables import EXECUTIONS, STACKS

logger = logging.getLogger("recursor.storage")


def remember_last_cycles(writer: Writer) -> None:
    """Note in every stack the highest number that a cycle of it has on record.

    Its own count may be lower: until now, a start after a stop began at 1 again. What cannot be read stays as
    it is.
    """
    for key, value in list(writer.scan(STACKS.name)):
        try:
            version, fields = unpack(value)
            last = max(fields["total_cycles"], _highest(writer, key))
            writer.put(STACKS.name, key, pack([version, {**fields, "last_cycle": last}]))
        except (ValueError, TypeError, LookupError, UnpackException):
            logger.error("stack %s cannot be read: its cycles are not numbered on", key.decode())


def _highest(reader: Reader, stack_key: bytes) -> int:
    """Return the highest number of a stack's cycles, 0 without any."""
    cycles = reader.scan(EXECUTIONS.name, *prefix_range(stack_key + b"/"))
    return max((_number(value) for _, value in cycles), default=0)


def _number(value: bytes) -> int:
    try:
        fields: dict[str, Any] = unpack(value)[1]
        return int(fields["number"])
    except (ValueError, TypeError, LookupError, UnpackException):
        return 0
