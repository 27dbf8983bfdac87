"""What a query comes to."""

from typing import Self

import orjson
from pydantic import JsonValue

from recursor.domain.record import Record


class ResultColumn(Record):
    """One column of a result."""

    name: str
    type: str
    """DuckDB's name of its type."""


class SqlResult(Record):
    """The answer to a query.

    Times are RFC 3339, intervals numbers of seconds; what is of type JSON is nested as it is; numbers that
    most readers of JSON would round are text.
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

    @classmethod
    def parse(cls, answer: bytes) -> Self:
        """Return what `recursor.storage.sql.process.ask` answered.

        The rows are taken as they are: pydantic would look at every value again, and refuse deep ones.
        """
        said = orjson.loads(answer)
        return cls(**{**said, "rows": ()}).but(rows=tuple(map(tuple, said["rows"])))
