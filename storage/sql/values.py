"""Values of a result as JSON: exact, and independent of the names of SQL types."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import orjson

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

# Larger numbers become text: most JSON readers would round them.
_INTEGERS = range(-(2**63), 2**63)
_DECIMAL_DIGITS = 15


def row_as_json(row: Sequence[object], types: Sequence[str]) -> bytes:
    """Return a row as a JSON array.

    Args:
        row: as DuckDB returns it.
        types: DuckDB's names of its columns' types. JSON values are nested.

    Raises:
        TypeError: a value is nested too deeply.
    """
    values = [
        _nested(value) if sql == "JSON" and isinstance(value, str) else _plain(value)
        for value, sql in zip(row, types, strict=True)
    ]
    return orjson.dumps(values, default=_other, option=_OPTIONS)


def _nested(text: str) -> object:
    # DuckDB's JSON also allows NaN, trailing commas, and any depth: such values become text.
    try:
        orjson.dumps(orjson.loads(text))
    except (ValueError, TypeError):
        return text
    return orjson.Fragment(text)


def _plain(value: object) -> object:
    if isinstance(value, str | float | bool | datetime | None):
        return value
    if isinstance(value, int):
        return value if value in _INTEGERS else str(value)
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
    if not value.is_finite():
        return None
    text = format(value, "f")
    digits = text.lstrip("-").replace(".", "").strip("0")
    return text if len(digits) > _DECIMAL_DIGITS else orjson.Fragment(text)


_CONVERTED: tuple[tuple[type, Callable[..., object]], ...] = (
    (timedelta, timedelta.total_seconds),
    (Decimal, _decimal),
    (date, date.isoformat),
    (time, time.isoformat),
    (UUID, str),
    (bytes, bytes.hex),
)
