"""The base of all records: frozen, complete, and with a version of its shape."""

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

    The format ends with the year 9999; later times, as after a very long pause, are cut to that.
    """
    within = min(max(timestamp, _FIRST), _LAST)
    return datetime.fromtimestamp(within, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_of(moment: str) -> float:
    """Return RFC 3339 text, with its offset, as seconds since the epoch, UTC.

    Raises:
        ValueError: it is not a time, or has no offset.
    """
    at = datetime.fromisoformat(moment)
    if at.tzinfo is None:
        raise ValueError("a time needs its offset, for example 2026-01-31T12:00:00Z")
    return at.timestamp()


class _TextInJson:
    """Reads a time from its text form in JSON. In Python a time is always a number."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = handler(source)
        text = core_schema.no_info_before_validator_function(_number, number)
        return core_schema.json_or_python_schema(json_schema=text, python_schema=number)


def _number(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


# A float in memory and on disk, because floats compare, subtract and pack fast; RFC 3339 in JSON.
Timestamp = Annotated[
    float,
    _TextInJson,
    PlainSerializer(iso, return_type=str, when_used="json-unless-none"),
    Field(description="A time, UTC"),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "A time, UTC"}, mode="serialization"
    ),
]
# One line on any screen: no control characters except the tab, no line separators.
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
        # Each model is built on first use: a command needs few of them.
        defer_build=True,
        # Written records always have all fields.
        json_schema_serialization_defaults_required=True,
    )

    version: ClassVar[int] = 1

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe fields by their docstrings.

        Pydantic's own `use_attribute_docstrings` reads the source of every class on import, which takes half
        of the import's time.
        """
        found = handler(schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in described_fields(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return found

    def but(self, **changes: Any) -> Self:
        """Return this record with some fields changed, without validation: for values known to be valid."""
        return unchecked(type(self), self.__dict__ | changes, self.__pydantic_fields_set__)


R = TypeVar("R", bound=Record)


def unchecked(kind: type[R], fields: Mapping[str, Any], given: Set[str]) -> R:
    """Return a record of values known to be valid, in an eighth of the time of `model_construct`.

    Args:
        kind: its type.
        fields: all of its fields.
        given: the names of the fields that were set explicitly.
    """
    record = object.__new__(kind)
    _set_fields(record, fields)
    _set_given(record, given)
    _set_extra(record, None)
    _set_private(record, None)
    return record


# A frozen record refuses assignments; these write to its slots, as pydantic's constructor does.
_set_fields = BaseModel.__dict__["__dict__"].__set__
_set_given = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


@cache
def described_fields(kind: type[Record]) -> Mapping[str, str]:
    """Return the descriptions of a record type's fields, by name."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Record) and base is not Record:
            # Generic models have no source of their own.
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
