"""Fields of stack records, read without decoding each record; cached between calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from recursor.domain.core_record import record_fields
from recursor.domain.stack import Stack
from recursor.storage.codec import unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import STACKS

# Most stacks are unchanged since the last listing. Each takes some two kilobytes.
REMEMBERED = 10_000
_known: dict[bytes, tuple[bytes, str, Mapping[str, Any]]] = {}


def all_fields(reader: Reader) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the id of every stack and its fields; see `fields_of`."""
    seen = 0
    for key, value in reader.scan(STACKS.name):
        known = _known.get(key)
        seen += known is not None
        if known is not None and known[0] == value:
            yield known[1], known[2]
            continue
        stack_id = key.decode(errors="replace")
        fields = fields_of(reader, stack_id, value)
        if known is not None or len(_known) < REMEMBERED:
            _known[key] = value, stack_id, fields
        yield stack_id, fields
    if seen < len(_known) >= REMEMBERED:
        _forget_deleted(reader)


def fields_of(reader: Reader, stack_id: str, value: bytes | None) -> Mapping[str, Any]:
    """Return the fields of a stack's record, or only `problem` with the reason why it cannot be read.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        value: its stored record; None if there is none.
    """
    try:
        version, fields = (0, {}) if value is None else unpack(value)
        if version == Stack.version and fields["id"] == stack_id and "problem" not in fields:
            return cast("dict[str, Any]", fields)
    except (ValueError, TypeError, LookupError):
        pass
    try:
        return record_fields(read_stack(reader, stack_id))
    except CorruptRecordError as error:
        return {"problem": str(error)}


def _forget_deleted(reader: Reader) -> None:
    """Make room for the existing stacks."""
    for key in tuple(_known):
        if reader.get(STACKS.name, key) is None:
            _known.pop(key, None)
