"""What every record has in common: it is frozen, complete, and knows the version of its shape."""

import ast
import inspect
from collections.abc import Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from textwrap import dedent
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_FIRST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def iso(timestamp: float) -> str:
    """Return `timestamp` (seconds since the epoch, UTC) as RFC 3339 text with microseconds.

    The format ends with the year 9999: what is due later, as a very long pause may be, is due then.
    """
    within = min(max(timestamp, _FIRST), _LAST)
    return datetime.fromtimestamp(within, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_of(moment: str) -> float:
    """Return RFC 3339 text, with its offset, as seconds since the epoch, UTC.

    Raises:
        ValueError: it is no time, or has no offset.
    """
    at = datetime.fromisoformat(moment)
    if at.tzinfo is None:
        raise ValueError("a time needs its offset, for example 2026-01-31T12:00:00Z")
    return at.timestamp()


class _TextInJson:
    """Lets a time be read from JSON as it is written there. From Python it is a number, and only that."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = handler(source)
        text = core_schema.no_info_before_validator_function(_number, number)
        return core_schema.json_or_python_schema(json_schema=text, python_schema=number)


def _number(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


# A float in memory and on disk, because a float compares, subtracts and packs fast; RFC 3339 in JSON.
Timestamp = Annotated[
    float,
    _TextInJson,
    PlainSerializer(iso, return_type=str, when_used="json-unless-none"),
    Field(description="A time, UTC"),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "A time, UTC"}, mode="serialization"
    ),
]
# One line on any screen: no control characters but the tab, no separators of lines.
Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]*$",
    ),
]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")
]
RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
StackId = str


class Record(BaseModel):
    """A frozen, closed pydantic model. Subclasses raise `version` when their stored shape changes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        # A command needs a few of all records: each is made ready when it is first used.
        defer_build=True,
        # What is written always has all of its fields.
        json_schema_serialization_defaults_required=True,
    )

    version: ClassVar[int] = 1

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe fields by their docstrings.

        Pydantic can do that by itself (`use_attribute_docstrings`), but reads the source of all classes when
        they are imported, which takes half of the time of the import.
        """
        found = handler(schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in described_fields(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return found

    def but(self, **changes: Any) -> Self:
        """Return this record with some fields changed, not validated: for values known to be right."""
        return unchecked(type(self), self.__dict__ | changes, self.__pydantic_fields_set__)


R = TypeVar("R", bound=Record)


def unchecked(kind: type[R], fields: Mapping[str, Any], given: Set[str]) -> R:
    """Return a record of values that are known to be right, in an eighth of the time of `model_construct`.

    Args:
        kind: its type.
        fields: all of its fields.
        given: the names of those that do not merely have their defaults.
    """
    record = object.__new__(kind)
    _set_fields(record, fields)
    _set_given(record, given)
    _set_extra(record, None)
    _set_private(record, None)
    return record


# A frozen record refuses assignments; these write to its slots, as pydantic does when it makes one.
_set_fields = BaseModel.__dict__["__dict__"].__set__
_set_given = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


@cache
def described_fields(kind: type[Record]) -> Mapping[str, str]:
    """Return what is said of the fields of a kind of record, by name."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Record) and base is not Record:
            # The classes of generic models have no source of their own.
            with suppress(OSError):
                told |= docstrings(base)
    return told | {name: field.description for name, field in kind.model_fields.items() if field.description}


def docstrings(kind: type) -> Mapping[str, str]:
    """Return the docstrings of a class's attributes."""
    (definition,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    told: dict[str, str] = {}
    for each, following in zip(definition.body, definition.body[1:], strict=False):
        match each, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = inspect.cleandoc(text)
            case _:
                pass
    return told
