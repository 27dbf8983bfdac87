"""Gathers what waits for a runner to take it in."""

from recursor.storage.nudges import read_nudges
from recursor.storage.store import Reader


def look_at_nudges(reader: Reader) -> tuple[int, float | None]:
    """Return how many notes of other processes wait (10,000 at most), and since when the oldest does."""
    nudges = read_nudges(reader)
    oldest = next(iter(nudges), None)
    return len(nudges), None if oldest is None else _made_at(oldest)


def _made_at(key: bytes) -> float | None:
    """Return when an id was made: the first 48 bits of a UUIDv7 are its milliseconds (RFC 9562)."""
    try:
        return int(key[:12], 16) / 1000
    except ValueError:
        return None
