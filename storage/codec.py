"""Records to bytes and back: msgpack of the version of the record's shape and its fields."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgpack
from pydantic import ValidationError

from recursor.domain.errors import InvalidInputError
from recursor.domain.record import Record
from recursor.storage.errors import CorruptRecordError

R = TypeVar("R", bound=Record)

Upgrade = Callable[[int, dict[str, Any]], dict[str, Any]]


def encode(record: Record) -> bytes:
    """Return `record` as bytes."""
    return pack([record.version, record.model_dump()])


def decode(kind: type[R], value: bytes, where: str, upgrade: Upgrade | None = None) -> R:
    """Return the record that `encode` made `value` from.

    Args:
        kind: the type it was.
        value: the bytes.
        where: table and key, for the error.
        upgrade: (version, fields) → the fields of today's version, for records of an older shape.

    Raises:
        CorruptRecordError: the bytes are not such a record, or a newer Recursor wrote it.
    """
    try:
        version, fields = unpack(value)
        if version != kind.version:
            if upgrade is None or version > kind.version:
                raise CorruptRecordError(
                    f"{where}: is a {kind.__name__} of version {version}, "
                    f"this Recursor knows {kind.version}: use the Recursor that wrote it, or a newer one"
                )
            fields = upgrade(version, fields)
        return kind.model_validate(fields)
    except ValidationError as error:
        why = str(InvalidInputError.explaining(kind.__name__, error))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        why = f"{type(error).__name__}: {error}"
    raise CorruptRecordError(f"{where}: is not a readable {kind.__name__} ({why}): restore it from a backup")


def pack(value: object) -> bytes:
    """Return plain data (numbers, text, lists, maps) as msgpack."""
    return msgpack.packb(value, default=_plain)


def unpack(value: bytes) -> Any:  # whatever was packed
    """Return what `pack` made `value` from, with lists for tuples."""
    return msgpack.unpackb(value)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"cannot store a {type(value).__name__}")
