"""Errors over HTTP: problem details (RFC 9457) that clients turn back into the same errors."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from recursor.domain.errors import (
    AmbiguousError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RecursorError,
)
from recursor.storage.errors import CorruptRecordError, StorageError, StorageFullError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:recursor:problem:"
BLANK_TYPE = "about:blank"
"""The type of a problem that its status fully describes (RFC 9457, section 4.2.1)."""

RUNNER_HEADER = "recursor-runner"
"""Names the runner, so that a client does not mistake another program on the port for it."""

RELEASE_HEADER = "recursor-version"
"""The runner's version, for a client that does not understand its answers."""

# Most specific first: an error is reported as its first matching kind.
_KINDS: tuple[tuple[type[RecursorError], str, int, str], ...] = (
    (NotFoundError, "not-found", 404, "Not found"),
    (AmbiguousError, "ambiguous", 409, "Matches several things"),
    (ConflictError, "conflict", 409, "Not possible in this state"),
    (InvalidInputError, "invalid-input", 422, "Invalid input"),
    (StorageFullError, "storage-full", 507, "No room to write"),
    (CorruptRecordError, "corrupt-record", 500, "A record cannot be read"),
    (StorageError, "storage", 500, "The store failed"),
    (RecursorError, "failed", 500, "Failed"),
)
_ERRORS = {TYPE_PREFIX + name: kind for kind, name, _, _ in _KINDS}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    """Its name: a key of the body with its parents (`settings.pause`), or a parameter."""
    pointer: str | None = None
    """Its location in the body, as a JSON Pointer in a URI's fragment (RFC 6901); null for parameters."""
    detail: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    """A URI that names the kind of problem."""
    title: str
    status: int
    """The HTTP status."""
    detail: str
    """One line: the thing, the value, the remedy."""
    errors: tuple[FieldProblem, ...] = ()
    """The invalid fields, if the problem is about fields."""

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        if not self.errors:
            fields.pop("errors", None)
        return fields


def problem(
    name: str, status: int, title: str, detail: str, errors: tuple[FieldProblem, ...] = ()
) -> Problem:
    """Return a problem of the kind `name`."""
    return Problem(type=TYPE_PREFIX + name, title=title, status=status, detail=detail, errors=errors)


def problem_of(error: RecursorError) -> Problem:
    """Return the kind of an error in HTTP."""
    for kind, name, status, title in _KINDS:
        if isinstance(error, kind):
            errors = _field_problems(error) if isinstance(error, InvalidInputError) else ()
            return problem(name, status, title, str(error), errors)
    raise AssertionError(f"no kind of problem for {error!r}")


def error_of(details: Mapping[str, object]) -> RecursorError | None:
    """Return the error from which `problem_of` made `details`, or None if it was not one of ours."""
    kind = _ERRORS.get(str(details.get("type")))
    return None if kind is None else kind(str(details.get("detail")))


def pointer(path: tuple[str | int, ...]) -> str:
    """Return a location in a body as a JSON Pointer in a URI's fragment (RFC 6901)."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _field_problems(error: InvalidInputError) -> tuple[FieldProblem, ...]:
    if error.fields:
        return tuple(
            FieldProblem(field=".".join(map(str, path)), pointer=pointer(path), detail=detail)
            for path, detail in error.fields
        )
    # Every such error begins with the name of its subject.
    name, colon, detail = str(error).partition(": ")
    return (FieldProblem(field=name, detail=detail),) if colon else ()
