"""Records to bytes and back: msgpack of the version of the record's shape and its fields.

msgspec writes it, because it takes its structs directly, in a quarter of the time; msgpack reads it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgpack
import msgspec
from pydantic import ValidationError

from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.record import Record
from recursor.storage.errors import CorruptRecordError

R = TypeVar("R", bound=AnyRecord)

Upgrade = Callable[[int, dict[str, Any]], dict[str, Any]]


def encode(record: AnyRecord) -> bytes:
    """Return `record` as bytes.

    Raises:
        InvalidInputError: it holds a value that cannot be stored: an integer of more than 64 bits, or an
            unpaired surrogate.
    """
    try:
        return pack((record.version, record))
    except OverflowError:
        why = "an integer has more than 64 bits"
    except (ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
    raise InvalidInputError(f"{type(record).__name__}: cannot be stored: {why}")


def decode(kind: type[R], value: bytes, table: str, key: bytes, upgrade: Upgrade | None = None) -> R:
    """Return the record encoded in `value`.

    Args:
        kind: its type.
        value: the bytes.
        table: its table, for the error.
        key: its key, for the error.
        upgrade: (version, fields) → the fields of today's version, for records of an older shape.

    Raises:
        CorruptRecordError: the bytes are not a valid record, or a newer Recursor wrote them.
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
        return kind.model_validate(fields)  # type: ignore[return-value]  # mypy loses the type of the class
    except CorruptRecordError:
        raise
    except ValidationError as error:
        why = str(InvalidInputError.explaining(kind.__name__, error))
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        why = in_one_line(error)
    where = f"{table} {key.decode(errors='replace')}"
    raise CorruptRecordError(
        f"{where}: is not a readable {kind.__name__} ({why}): "
        "restore it from a backup, or see `recursor doctor`"
    )


def unpack(value: bytes) -> Any:  # any packed value
    """Return the data packed in `value`, with lists for tuples and text for decimals.

    Raises:
        ValueError: the bytes are not msgpack.
    """
    try:
        return msgpack.unpackb(value)
    except msgpack.UnpackException as error:
        raise ValueError("not MessagePack") from error


def _plain(value: object) -> object:
    if isinstance(value, Record):
        # The fields unconverted, without pydantic's serializer, which takes as long as msgpack.
        return value.__dict__
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot store a {type(value).__name__}")


pack = msgspec.msgpack.Encoder(enc_hook=_plain).encode
"""Returns plain data (numbers, text, lists, maps), decimals and records as msgpack."""
