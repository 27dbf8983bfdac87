"""Finds what agents thought and did: the newest first, by role and by text, page by page."""

from collections.abc import Iterator, Mapping
from typing import Any

from recursor.domain.errors import InvalidInputError
from recursor.domain.record import Record
from recursor.domain.trace import Trace
from recursor.storage.codec import decode, unpack
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import TRACES

MAX_LIMIT = 1000

# How many traces one page looks through at most, some 20 ms: what is rare is found by going on.
LOOKED_THROUGH = 2000


class TracePage(Record):
    """Some traces, newest first, and where to go on."""

    traces: tuple[Trace, ...]
    before: str | None
    """What to ask for to go on with older ones; None when there are none. A page may be short, or empty, and
    have more after it."""


def search_traces(
    reader: Reader,
    stack_id: str,
    *,
    role: str | None = None,
    text: str | None = None,
    limit: int = 50,
    before: str | None = None,
    after: str | None = None,
) -> TracePage:
    """Return a page of a stack's traces, newest first.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        role: only what this role did.
        text: only what has this in its summary, its thoughts, or the kinds of its effects; upper and lower
            case are the same.
        limit: how many at most, 1 to 1,000.
        before: only those older than the trace of this id.
        after: only those newer than the trace of this id.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: the limit is out of range.
        CorruptRecordError: one of the traces cannot be read.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInputError(f"limit: must be 1 to {MAX_LIMIT} (got {limit})")
    read_stack(reader, stack_id)
    wanted = None if text is None else text.casefold()
    found: list[Trace] = []
    for looked, (key, value) in enumerate(_newest_first(reader, stack_id, before, after), 1):
        if _matches(value, role, wanted):
            found.append(decode(Trace, value, TRACES.name, key))
        if len(found) == limit or looked == LOOKED_THROUGH:
            return TracePage(traces=tuple(found), before=key.rpartition(b"/")[2].decode(errors="replace"))
    return TracePage(traces=tuple(found), before=None)


def _newest_first(
    reader: Reader, stack_id: str, before: str | None, after: str | None
) -> Iterator[tuple[bytes, bytes]]:
    prefix = stack_id.encode() + b"/"
    start, stop = prefix_range(prefix)
    if before is not None:
        stop = prefix + before.encode(errors="replace")
    if after is not None:
        start = prefix + after.encode(errors="replace") + b"\x00"
    return reader.scan(TRACES.name, start, stop, reverse=True)


def _matches(value: bytes, role: str | None, text: str | None) -> bool:
    """Whether the stored trace is wanted; of one that cannot be read, the reading will tell."""
    if role is None and text is None:
        return True
    try:
        # A tenth of what it takes to make the record.
        fields: Mapping[str, Any] = unpack(value)[1]
        if role is not None and fields["role"] != role:
            return False
        if text is None:
            return True
        said = (fields["summary"], *fields.get("thoughts", ()), *fields.get("effects", ()))
        return any(text in part.casefold() for part in said)
    except (ValueError, TypeError, LookupError, AttributeError):
        return True
