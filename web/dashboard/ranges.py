"""Spans of time to show, with their resolution."""

from dataclasses import dataclass

from recursor.storage.rollups import HOUR, MINUTE

DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Range:
    """A span from some time ago until now."""

    short: str
    name: str
    seconds: int
    step: int
    """The span of one point of a chart, in seconds."""

    def since(self, now: float) -> float:
        """Return its start: seconds since the epoch, UTC."""
        return now - self.seconds

    @property
    def is_quickly_read(self) -> bool:
        """Whether its figures are read within milliseconds, before a page is first shown."""
        return self.seconds <= DAY


# Sixty points or fewer: as many as a chart of a few hundred pixels shows, and some sixty short reads.
RANGES = {
    "1h": Range("1 h", "1 hour", HOUR, MINUTE),
    "6h": Range("6 h", "6 hours", 6 * HOUR, 10 * MINUTE),
    "24h": Range("24 h", "24 hours", DAY, HOUR),
    "7d": Range("7 d", "7 days", 7 * DAY, 6 * HOUR),
    "30d": Range("30 d", "30 days", 30 * DAY, DAY),
}
USUAL = "24h"


def range_of(value: str) -> Range:
    """Return the range with this key; the default if there is none."""
    return RANGES.get(value, RANGES[USUAL])
