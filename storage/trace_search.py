"""Searches traces of agents: newest first, by role and by text, in pages."""

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

# The most traces searched per page, some 20 ms: rare matches take several pages.
LOOKED_THROUGH = 2000


class TracePage(Record):
    """Some traces, newest first, and the next cursor."""

    traces: tuple[Trace, ...]
    before: str | None
    """The cursor for older traces; None if there are none. A page may be short, or empty, and still have a
    next one."""


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
        role: only traces of this role.
        text: only traces with this text in the summary, the thoughts, or the kinds of effects; case is
            ignored.
        limit: the most traces, 1 to 1,000.
        before: only traces older than the one with this id.
        after: only traces newer than the one with this id.

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
    """Whether the stored trace matches; an unreadable one does, so that reading it reports the problem."""
    if role is None and text is None:
        return True
    try:
        # A tenth of the time of decoding the record.
        fields: Mapping[str, Any] = unpack(value)[1]
        if role is not None and fields["role"] != role:
            return False
        if text is None:
            return True
        said = (fields["summary"], *fields.get("thoughts", ()), *fields.get("effects", ()))
        return any(text in part.casefold() for part in said)
    except (ValueError, TypeError, LookupError, AttributeError):
        return True
