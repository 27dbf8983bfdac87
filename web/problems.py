"""Errors on their way through HTTP: problem details (RFC 9457) that become the same errors again."""

from collections.abc import Mapping

from pydantic import BaseModel

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


class Problem(BaseModel):
    """What went wrong, as RFC 9457 says it."""

    type: str
    """A URI that names the kind of problem."""
    title: str
    status: int
    """The HTTP status."""
    detail: str
    """One line: the thing, the value, the remedy."""


def problem(name: str, status: int, title: str, detail: str) -> Problem:
    """Return a problem of the kind `name`."""
    return Problem(type=TYPE_PREFIX + name, title=title, status=status, detail=detail)


def problem_of(error: RecursorError) -> Problem:
    """Return what an error is called in HTTP."""
    for kind, name, status, title in _KINDS:
        if isinstance(error, kind):
            return problem(name, status, title, str(error))
    raise AssertionError(f"no kind of problem for {error!r}")


def error_of(details: Mapping[str, object]) -> RecursorError | None:
    """Return the error that `problem_of` made `details` from, or None if it was not one of ours."""
    kind = _ERRORS.get(str(details.get("type")))
    return None if kind is None else kind(str(details.get("detail")))
