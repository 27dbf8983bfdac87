"""The columns of a table, derived from its record type: their SQL types and values.

Records are read here as plain data. Making a pydantic record of each first would take longer than the rest of
a query.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import orjson
from pydantic_core import to_jsonable_python

from recursor.domain.core_record import AnyRecord, model_of, record_fields
from recursor.domain.record import Timestamp, described_fields, iso

Fields = Mapping[str, Any]
"""A record as it is stored."""
Convert = Callable[[Any], Any]

VARCHAR, BOOLEAN, BIGINT, DOUBLE = "VARCHAR", "BOOLEAN", "BIGINT", "DOUBLE"
TIMESTAMP = "TIMESTAMP WITH TIME ZONE"
JSON = "JSON"
# Up to 26 digits of dollars, with decimals small enough for the price of any token.
DECIMAL = "DECIMAL(38,12)"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    """DuckDB's name of it."""
    value: Callable[[Fields], object]
    """Returns the column's value from a stored record."""
    about: str = ""
    """One sentence for people."""


def columns_of(kind: type[AnyRecord]) -> Iterator[Column]:
    """Yield the columns of a record type: one per field, in field order."""
    hints = get_type_hints(kind, include_extras=True)
    model = model_of(kind)
    described = described_fields(model)
    for name, field in model.model_fields.items():
        # Records stored before the field existed have its default.
        default = (
            None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        )
        sql, convert = _sql(hints[name])
        about = " ".join(described.get(name, "").split())
        yield Column(
            name,
            sql,
            _reading(name, to_jsonable_python(default, fallback=record_fields), convert),
            _told(about),
        )


def when(at: float) -> datetime:
    """Return seconds since the epoch as a UTC time, within the range of dates."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromisoformat(iso(at))


def as_json(value: object) -> str | None:
    """Return plain data as JSON, times as RFC 3339; None stays None."""
    return None if value is None else orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def _told(description: str) -> str:
    return "" if description == "A time, UTC" else description


def _reading(name: str, default: object, convert: Convert | None) -> Callable[[Fields], object]:
    if convert is None:
        return lambda fields: fields.get(name, default)

    def read(fields: Fields) -> object:
        value = fields.get(name, default)
        return None if value is None else convert(value)

    return read


def _sql(hint: Any) -> tuple[str, Convert | None]:
    """Return the SQL type for a field's annotation, and the conversion from a stored value."""
    hint = _present(hint)
    if hint == Timestamp:
        return TIMESTAMP, when
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(bare, type):
        # A text Enum is text; a bool is an int, so it is checked first.
        if issubclass(bare, Decimal):
            return DECIMAL, Decimal
        for kind, sql in ((str, VARCHAR), (bool, BOOLEAN), (int, BIGINT), (float, DOUBLE)):
            if issubclass(bare, kind):
                return sql, None
    nested = plain(hint)
    return JSON, as_json if nested is None else lambda value: as_json(nested(value))


def plain(hint: Any) -> Convert | None:
    """Return a function that converts the numbers inside a nested value that are times.

    Returns:
        None if there are none, and the stored value is right.
    """
    hint = _present(hint)
    if hint == Timestamp:
        return when
    origin = get_origin(hint)
    if origin is Annotated:
        return plain(get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, AnyRecord):
        return _plain_record(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _plain_mapping(plain(get_args(hint)[1]))
    if origin is tuple and get_args(hint)[1:] == (...,):
        return _plain_list(plain(get_args(hint)[0]))
    return None


def _plain_mapping(inner: Convert | None) -> Convert | None:
    if inner is None:
        return None
    return lambda value: {key: _or_none(inner, item) for key, item in value.items()}


def _plain_list(inner: Convert | None) -> Convert | None:
    if inner is None:
        return None
    return lambda value: [_or_none(inner, item) for item in value]


def _plain_record(kind: type[AnyRecord]) -> Convert | None:
    hints = get_type_hints(kind, include_extras=True)
    found = [
        (name, inner) for name in model_of(kind).model_fields if (inner := plain(hints[name])) is not None
    ]
    if not found:
        return None

    def convert(value: Any) -> Any:
        # In place: it was just read for this one column. A graph has eight times, a store 100,000 graphs.
        for name, inner in found:
            stored = value.get(name)
            if stored is not None:
                value[name] = inner(stored)
        return value

    return convert


def _or_none(convert: Convert, value: object) -> object:
    return None if value is None else convert(value)


def _present(hint: Any) -> Any:
    """Return the annotation without None."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        return kinds[0] if len(kinds) == 1 else hint
    return hint
