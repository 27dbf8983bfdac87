"""Records to bytes and back: msgpack of the version of the record's shape and its fields."""

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgpack
from pydantic import ValidationError

from recursor.domain.errors import InvalidInputError
from recursor.domain.record import Record
from recursor.storage.errors import CorruptRecordError

R = TypeVar("R", bound=Record)

Upgrade = Callable[[int, dict[str, Any]], dict[str, Any]]


def encode(record: Record) -> bytes:
    """Return `record` as bytes.

    Raises:
        InvalidInputError: it holds what cannot be stored: an integer of more than 64 bits, half a character.
    """
    try:
        # Its fields as they are, without pydantic's serializer: that takes as long as msgpack.
        return pack([record.version, record.__dict__])
    except (ValueError, TypeError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        raise InvalidInputError(f"{type(record).__name__}: cannot be stored: {why}") from None


def decode(kind: type[R], value: bytes, table: str, key: bytes, upgrade: Upgrade | None = None) -> R:
    """Return the record that `encode` made `value` from.

    Args:
        kind: the type it was.
        value: the bytes.
        table: where it stands, for the error.
        key: likewise.
        upgrade: (version, fields) → the fields of today's version, for records of an older shape.

    Raises:
        CorruptRecordError: the bytes are not such a record, or a newer Recursor wrote it.
    """
    try:
        version, fields = unpack(value)
        if version != kind.version:
            if upgrade is None or version > kind.version:
                raise CorruptRecordError(
                    f"{table} {key.decode(errors='replace')}: is a {kind.__name__} of version {version}, "
                    f"this Recursor knows {kind.version}: use the Recursor that wrote it, or a newer one"
                )
            fields = upgrade(version, fields)
        # What `model_validate` does, without its layers of options.
        return cast("R", kind.__pydantic_validator__.validate_python(fields))
    except CorruptRecordError:
        raise
    except ValidationError as error:
        why = str(InvalidInputError.explaining(kind.__name__, error))
    except (ValueError, TypeError, LookupError, OverflowError, msgpack.UnpackException) as error:
        why = f"{type(error).__name__}: {error}"
    where = f"{table} {key.decode(errors='replace')}"
    raise CorruptRecordError(f"{where}: is not a readable {kind.__name__} ({why}): restore it from a backup")


def pack(value: object) -> bytes:
    """Return plain data (numbers, text, lists, maps), decimals and records as msgpack."""
    return _packers.pack(value)


def unpack(value: bytes) -> Any:  # whatever was packed
    """Return what `pack` made `value` from, with lists for tuples and text for decimals."""
    return msgpack.unpackb(value)


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return value.__dict__
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, int):
        raise TypeError("an integer has more than 64 bits")
    raise TypeError(f"cannot store a {type(value).__name__}")


class _Packers(threading.local):
    """A packer for each thread: a new one for each value would take as long as a small record."""

    def __init__(self) -> None:
        self.pack: Callable[[object], bytes] = msgpack.Packer(default=_plain).pack


_packers = _Packers()
