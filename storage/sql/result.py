"""What a query comes to."""

from pydantic import JsonValue

from recursor.domain.record import Record


class ResultColumn(Record):
    """One column of a result."""

    name: str
    type: str
    """DuckDB's name of its type."""


class SqlResult(Record):
    """The answer to a query.

    Times are RFC 3339, intervals numbers of seconds, what is of type JSON is nested as it is, and integers of
    more than 64 bits are text.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    """Each with a value for every column."""
    truncated: bool
    """Whether there are more rows than the limits allow."""
    seconds: float
    """How long it took."""
    warnings: tuple[str, ...] = ()
    """Records that could not be read and were left out."""
