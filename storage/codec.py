"""Records to bytes and back: msgpack of the version of the record's shape and its fields."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgpack
from pydantic import ValidationError

from recursor.domain.errors import InvalidInputError
from recursor.domain.record import Record
from recursor.storage.errors import CorruptRecordError

R = TypeVar("R", bound=Record)

# Records are frozen, so equal bytes may be the same object: what is written and read again all the time, as
# the records of a running cycle are, is not validated again each time. Room for the hot records of some
# hundred busy stacks, a few megabytes.
_REMEMBERED = 4096
_LARGEST_REMEMBERED = 8192
_known: dict[tuple[type[Record], bytes], Record] = {}

Upgrade = Callable[[int, dict[str, Any]], dict[str, Any]]


def encode(record: Record) -> bytes:
    """Return `record` as bytes.

    Raises:
        InvalidInputError: it holds what cannot be stored: an integer of more than 64 bits, half a character.
    """
    try:
        # What `model_dump` does, here and in `decode` `model_validate`, without their layers of options.
        value = pack([record.version, record.__pydantic_serializer__.to_python(record)])
    except (ValueError, TypeError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        raise InvalidInputError(f"{type(record).__name__}: cannot be stored: {why}") from None
    _remember(record, value)
    return value


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
    known = _known.get((kind, value))
    if known is not None:
        return cast("R", known)
    try:
        version, fields = unpack(value)
        if version != kind.version:
            if upgrade is None or version > kind.version:
                raise CorruptRecordError(
                    f"{table} {key.decode(errors='replace')}: is a {kind.__name__} of version {version}, "
                    f"this Recursor knows {kind.version}: use the Recursor that wrote it, or a newer one"
                )
            fields = upgrade(version, fields)
        record = cast("R", kind.__pydantic_validator__.validate_python(fields))
        _remember(record, value)
        return record
    except CorruptRecordError:
        raise
    except ValidationError as error:
        why = str(InvalidInputError.explaining(kind.__name__, error))
    except (ValueError, TypeError, LookupError, OverflowError, msgpack.UnpackException) as error:
        why = f"{type(error).__name__}: {error}"
    where = f"{table} {key.decode(errors='replace')}"
    raise CorruptRecordError(f"{where}: is not a readable {kind.__name__} ({why}): restore it from a backup")


def pack(value: object) -> bytes:
    """Return plain data (numbers, text, lists, maps) as msgpack."""
    return msgpack.packb(value, default=_plain)


def unpack(value: bytes) -> Any:  # whatever was packed
    """Return what `pack` made `value` from, with lists for tuples."""
    return msgpack.unpackb(value)


def _remember(record: Record, value: bytes) -> None:
    # Metadata is free JSON, which whoever reads the record can change, as an agent may: it is not shared.
    if len(value) <= _LARGEST_REMEMBERED and "metadata" not in record.__pydantic_fields__:
        if len(_known) >= _REMEMBERED:
            # All at once: any finer choice would need a lock, and what is hot is soon back.
            _known.clear()
        _known[type(record), value] = record


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, int):
        raise TypeError("an integer has more than 64 bits")
    raise TypeError(f"cannot store a {type(value).__name__}")
