"""Spans, ages and sizes in words."""

import re
from datetime import datetime

from recursor.domain.errors import InvalidInputError
from recursor.domain.wording import cost, money, plural, run_name, size, span

__all__ = [
    "NEVER",
    "ago",
    "ahead",
    "clock_time",
    "cost",
    "money",
    "parse_span",
    "plural",
    "run_name",
    "size",
    "span",
]

NEVER = "-"
"""Shown for a missing value."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhdw])+|[0-9]+(?:\.[0-9]+)?")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")

# Longer than any statistics are kept, and within the range of dates.
_LONGEST_SPAN = 100 * 366 * 86_400


def parse_span(text: str, what: str) -> float:
    """Return the seconds of a span such as "90s", "15m", "24h", "7d", "1h30m" or "90".

    Args:
        text: a person's input; a bare number counts seconds.
        what: its purpose, for the error.

    Raises:
        InvalidInputError: it is not a span.
    """
    plain = text.strip().lower()
    if not _SPAN.fullmatch(plain):
        raise InvalidInputError(
            f"{what}: {text[:40]!r} is not a span of time: give for example 90s, 15m, 24h, 7d"
        )
    parts = _PART.findall(plain)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else float(plain)
    if seconds > _LONGEST_SPAN:
        raise InvalidInputError(f"{what}: {text[:40]!r} is longer than 100 years: give less")
    return seconds


def since_moment(text: str, what: str, now: float) -> float:
    """Return the moment a span such as "24h" before `now`, in seconds since the epoch, UTC.

    Raises:
        InvalidInputError: it is not a span, or has no length.
    """
    seconds = parse_span(text, what)
    if not seconds:
        raise InvalidInputError(f"{what}: {text[:40]!r} is no time: give for example 90s, 15m, 24h, 7d")
    return max(now - seconds, 0.0)


def ago(at: float | None, now: float) -> str:
    """Return how long ago something was, or a dash if never."""
    if at is None:
        return NEVER
    elapsed = now - at
    return "just now" if elapsed < 1 else f"{_coarse(elapsed)} ago"


def ahead(at: float | None, now: float) -> str:
    """Return how far ahead something is, or a dash if it is not scheduled."""
    if at is None:
        return NEVER
    return "now" if at <= now else f"in {_coarse(at - now)}"


def clock_time(at: float) -> str:
    """Return a time by this machine's clock: 14:03:07, with the date if on another day."""
    local = datetime.fromtimestamp(at).astimezone()
    today = datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


def _coarse(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"
