"""The result of a query."""

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

    Times are RFC 3339, intervals are numbers of seconds, JSON values are nested, and numbers that most JSON
    readers would round are text.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    """Each with a value for every column."""
    truncated: bool
    """Whether there are more rows than the limits allow."""
    seconds: float
    """The query's duration."""
    warnings: tuple[str, ...] = ()
    """Records that could not be read and were left out."""

    @classmethod
    def parse(cls, answer: bytes) -> Self:
        """Return the answer of `recursor.storage.sql.process.ask`.

        The rows are not validated: pydantic would check every value again, and refuse deeply nested ones.
        """
        said = orjson.loads(answer)
        return cls(**{**said, "rows": ()}).but(rows=tuple(map(tuple, said["rows"])))
