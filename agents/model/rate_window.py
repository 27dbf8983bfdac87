"""What one provider, or one model of it, still accepts: pure bookkeeping that is told the time."""

import contextlib
import math
from collections import deque
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from recursor.domain.rates import Rate

WINDOW_SECONDS = 60.0
# Seconds before the next try after a refusal that names no time; doubled by every further refusal in a row.
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
# A provider that asks for more is asked again nevertheless: clocks differ, and so do opinions.
LONGEST_WAIT = 3_600.0


def backoff(failures: int, jitter: float) -> float:
    """Return how many seconds to wait after so many failures in a row.

    Args:
        failures: from 1.
        jitter: 0 to 1, by chance, so that calls that failed together do not come back together.
    """
    return float(min(FIRST_BACKOFF * 2 ** (failures - 1), LONGEST_BACKOFF) * (0.5 + jitter / 2))


def seconds_to_wait(header: str | None, otherwise: float | None, now: float) -> float | None:
    """Return for how many seconds a provider asks to be left alone, or None where it does not say.

    Args:
        header: `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
        otherwise: what it said elsewhere.
        now: seconds since the epoch, UTC.
    """
    text = (header or "").strip()
    with contextlib.suppress(ValueError):
        seconds = float(text)
        return max(seconds, 0.0) if math.isfinite(seconds) else otherwise
    with contextlib.suppress(ValueError):
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    return otherwise


@dataclass(slots=True, eq=False)
class CallEntry:
    """One call in the window."""

    at: float
    tokens: int
    """What it may take; what it took, once that is known."""


@dataclass(slots=True, eq=False)
class RateWindow:
    """The calls of one provider or model within the last minute, and when the next one may begin."""

    name: str
    rate: Rate
    running: int = 0
    closed_until: float = 0.0
    refusals: int = 0
    """Since the last answer."""
    _entries: deque[CallEntry] = field(default_factory=deque)
    _closed_at: float = 0.0

    def opens_at(self, now: float, tokens: int) -> float:
        """Return when a call of at most `tokens` may begin: not after now, if at once.

        Infinity, where that depends on a call under way. A call of more tokens than fit into a minute has a
        minute for itself.
        """
        rate = self.rate
        # After a refusal one call at a time finds out whether it was the last.
        most = 1 if self.refusals else rate.concurrent
        if most is not None and self.running >= most:
            return math.inf
        while self._entries and self._entries[0].at <= now - WINDOW_SECONDS:
            self._entries.popleft()
        opens = self.closed_until
        if rate.requests_per_minute is not None and len(self._entries) >= rate.requests_per_minute:
            opens = max(opens, self._entries[-rate.requests_per_minute].at + WINDOW_SECONDS)
        if rate.tokens_per_minute is not None:
            opens = max(opens, self._fits_at(tokens, rate.tokens_per_minute))
        return opens

    def is_idle(self, now: float) -> bool:
        """Return whether a new window would be as good."""
        is_empty = not self._entries or self._entries[-1].at <= now - WINDOW_SECONDS
        return is_empty and not self.running and not self.refusals and self.closed_until <= now

    def begin(self, now: float, tokens: int) -> CallEntry:
        """Count a call that begins."""
        entry = CallEntry(now, tokens)
        self.running += 1
        # What nothing limits, nothing has to count.
        if self.rate.requests_per_minute is not None or self.rate.tokens_per_minute is not None:
            self._entries.append(entry)
        return entry

    def end(self) -> None:
        """Note that a call has ended."""
        self.running -= 1

    def forget(self, entry: CallEntry) -> None:
        """Count a call no more that was not made after all."""
        self._entries = deque(each for each in self._entries if each is not entry)

    def answered(self) -> None:
        """Note that the provider works."""
        self.refusals = 0

    def refused(self, entry: CallEntry, now: float, wait: float | None, jitter: float) -> None:
        """Close the window after a refusal.

        Args:
            entry: the call that was refused: of several that were under way at the same time, one counts.
            now: seconds, of a time that has no steps back.
            wait: seconds that the provider asks for, or None.
            jitter: 0 to 1, so that several processes do not come back at the same moment.
        """
        if entry.at >= self._closed_at or not self.refusals:
            self.refusals += 1
            self._closed_at = now
        if wait is None:
            wait = backoff(self.refusals, jitter)
        self.closed_until = max(self.closed_until, now + min(wait, LONGEST_WAIT))

    def _fits_at(self, tokens: int, limit: int) -> float:
        excess = sum(entry.tokens for entry in self._entries) + tokens - limit
        at = 0.0
        for entry in self._entries:
            if excess <= 0:
                break
            excess -= entry.tokens
            at = entry.at + WINDOW_SECONDS
        return at
