"""Errors on their way through HTTP: problem details (RFC 9457) that become the same errors again."""

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
"""Of a problem of which there is no more to say than its status does (RFC 9457, section 4.2.1)."""

RUNNER_HEADER = "recursor-runner"
"""Tells who answers, so that a client does not take another program on the port for the runner."""

RELEASE_HEADER = "recursor-version"
"""Tells of which version it is, for a client that does not understand what it answers."""

# Most special first: an error is told as the first kind that it is.
_KINDS: tuple[tuple[type[RecursorError], str, int, str], ...] = (
    (NotFoundError, "not-found", 404, "Not found"),
    (AmbiguousError, "ambiguous", 409, "Could be several things"),
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
    """Its name: a key of the body, with its parents (`settings.pause`), or a parameter."""
    pointer: str | None = None
    """Where it is in the body, as a JSON Pointer in a URI's fragment (RFC 6901); null for parameters."""
    detail: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 says it."""

    type: str
    """A URI that names the kind of problem."""
    title: str
    status: int
    """The HTTP status."""
    detail: str
    """One line: the thing, the value, the remedy."""
    errors: tuple[FieldProblem, ...] = ()
    """The fields that cannot be used, where it is a matter of fields."""

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
    """Return what an error is called in HTTP."""
    for kind, name, status, title in _KINDS:
        if isinstance(error, kind):
            errors = _field_problems(error) if isinstance(error, InvalidInputError) else ()
            return problem(name, status, title, str(error), errors)
    raise AssertionError(f"no kind of problem for {error!r}")


def error_of(details: Mapping[str, object]) -> RecursorError | None:
    """Return the error that `problem_of` made `details` from, or None if it was not one of ours."""
    kind = _ERRORS.get(str(details.get("type")))
    return None if kind is None else kind(str(details.get("detail")))


def pointer(path: tuple[str | int, ...]) -> str:
    """Return where something is in a body, as a JSON Pointer in a URI's fragment (RFC 6901)."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _field_problems(error: InvalidInputError) -> tuple[FieldProblem, ...]:
    if error.fields:
        return tuple(
            FieldProblem(field=".".join(map(str, path)), pointer=pointer(path), detail=detail)
            for path, detail in error.fields
        )
    # Every such error begins with the name of what it is about.
    name, colon, detail = str(error).partition(": ")
    return (FieldProblem(field=name, detail=detail),) if colon else ()
