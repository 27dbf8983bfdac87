"""Questions to a runner's log, and their answers."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from recursor.domain.record import Record

LogRecord = Mapping[str, Any]
"""One record of the log: `time`, `level`, `logger`, `event` and others, see docs/how-to/observability.md."""

# Records: a screen or two.
USUAL_LOG_PAGE = 100

_LEVELS = logging.getLevelNamesMapping()


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A filter for records."""

    level: str = "debug"
    """The lowest level."""
    stack_id: str | None = None
    """Only of this stack."""
    named: str | None = None
    """Only of deleted stacks with this name, or with an id that begins with it."""

    def fits(self, record: LogRecord) -> bool:
        """Whether a record matches."""
        least = _LEVELS[self.level.upper()]
        if _LEVELS.get(str(record.get("level", "")).upper(), least) < least:
            return False
        if self.stack_id is not None:
            return record.get("stack") == self.stack_id
        if self.named is None:
            return True
        folded = self.named.casefold()
        name, stack_id = str(record.get("name", "")), str(record.get("stack", ""))
        return stack_id.startswith(folded) or name.casefold() == folded


class LogPage(Record):
    """Some records of a log, oldest first."""

    items: tuple[Mapping[str, JsonValue], ...]
    """Each has `time`, `level`, `logger`, `event`, and further fields. A page with an `older` may be short or
    empty, because the lines read per request are limited."""
    older: str | None
    """The `cursor` for earlier records; null if there are none."""
    newer: str
    """The `cursor` for later records; it stays the same until there are any."""


class LogSource(Protocol):
    """A log that is read in pages."""

    def page(
        self,
        wanted: Callable[[LogRecord], bool],
        cursor: str = "",
        since: str | None = None,
        limit: int = USUAL_LOG_PAGE,
    ) -> LogPage:
        """Return some records.

        Args:
            wanted: the filter.
            cursor: the `older` or the `newer` of another page; by default, the newest records are returned.
            since: only records of this time (RFC 3339, UTC, with microseconds) or later.
            limit: the most records, 1 or more.

        Raises:
            StorageError: the log cannot be read.
        """
        ...
