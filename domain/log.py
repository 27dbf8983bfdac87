"""What a runner logs, as whoever reads it asks for it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from recursor.domain.record import Record

LogRecord = Mapping[str, Any]
"""What one line holds: `time`, `level`, `logger`, `event` and others, see docs/how-to/observability.md."""

# Records: a screen or two.
USUAL_LOG_PAGE = 100

_LEVELS = logging.getLevelNamesMapping()


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which records are wanted."""

    level: str = "debug"
    """The least serious."""
    stack_id: str | None = None
    """Only of this stack."""
    named: str | None = None
    """Only of stacks, gone by now, of this name, or whose id begins so."""

    def fits(self, record: LogRecord) -> bool:
        """Whether a record is wanted."""
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
    """Some of a log, oldest first."""

    items: tuple[Mapping[str, JsonValue], ...]
    """Each has `time`, `level`, `logger`, `event` and what else is known. A page may be short, or empty, and
    have an `older`: so many lines are looked through at a time."""
    older: str | None
    """Give it as `cursor` to get what was logged before; null where there is nothing before."""
    newer: str
    """Give it as `cursor` to get what is logged after this: it stays the same as long as there is nothing."""


class LogSource(Protocol):
    """A log that is read a page at a time."""

    def page(
        self,
        wanted: Callable[[LogRecord], bool],
        cursor: str = "",
        since: str | None = None,
        limit: int = USUAL_LOG_PAGE,
    ) -> LogPage:
        """Return some records.

        Args:
            wanted: which ones.
            cursor: the `older` or the `newer` of another page; without it the newest records are returned.
            since: only those of this time (RFC 3339, UTC, with microseconds) and later.
            limit: how many at most, 1 or more.

        Raises:
            StorageError: the log cannot be read.
        """
        ...
