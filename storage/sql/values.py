"""Values of a result as JSON: exact, and the same whatever their SQL type is called."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import orjson

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

# Beyond these an integer is text: what reads JSON elsewhere would round it.
_LARGEST = 2**63 - 1


def row_as_json(row: Sequence[object], types: Sequence[str]) -> bytes:
    """Return a row as a JSON array.

    Args:
        row: as DuckDB returns it.
        types: DuckDB's names of its columns' types. What is of type JSON is nested as it is.
    """
    values = [
        orjson.Fragment(value) if sql == "JSON" and isinstance(value, str) else _plain(value)
        for value, sql in zip(row, types, strict=True)
    ]
    return orjson.dumps(values, default=_other, option=_OPTIONS)


def _plain(value: object) -> object:
    if isinstance(value, str | float | bool | datetime | None):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else str(value)
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _other(value)


def _other(value: object) -> object:
    for kind, convert in _CONVERTED:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def _key(key: object) -> str:
    return key if isinstance(key, str) else str(key)


def _decimal(value: Decimal) -> object:
    # A JSON number has as many digits as it needs.
    return orjson.Fragment(format(value, "f")) if value.is_finite() else None


_CONVERTED: tuple[tuple[type, Callable[..., object]], ...] = (
    (timedelta, timedelta.total_seconds),
    (Decimal, _decimal),
    (date, date.isoformat),
    (time, time.isoformat),
    (UUID, str),
    (bytes, bytes.hex),
)
