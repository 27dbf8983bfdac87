"""The remaining capacity of one provider or model: pure bookkeeping that gets the time as an argument."""

import contextlib
import math
from collections import deque
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from recursor.domain.rates import Rate

WINDOW_SECONDS = 60.0
# Seconds before the next try after a refusal without a time; doubled by every further refusal in a row.
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
# The longest pause, even if a provider asks for more: clocks and policies differ.
LONGEST_WAIT = 3_600.0


def backoff(failures: int, jitter: float) -> float:
    """Return the seconds to wait after `failures` failures in a row.

    Args:
        failures: from 1.
        jitter: 0 to 1, random, so that calls that failed together do not return together.
    """
    return float(min(FIRST_BACKOFF * 2 ** (failures - 1), LONGEST_BACKOFF) * (0.5 + jitter / 2))


def seconds_to_wait(header: str | None, otherwise: float | None, now: float) -> float | None:
    """Return the pause that a provider asks for, in seconds, or None if it names none.

    Args:
        header: `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
        otherwise: a value from elsewhere in the answer.
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
    """The most tokens; the actual ones once known."""


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
        """Return when a call of at most `tokens` may begin: at the latest now, if at once.

        Infinity if that depends on a running call. A call of more tokens than the limit gets a minute for
        itself.
        """
        rate = self.rate
        # After a refusal, one call at a time tests whether the provider works again.
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
        """Return whether a new window would be equivalent."""
        is_empty = not self._entries or self._entries[-1].at <= now - WINDOW_SECONDS
        return is_empty and not self.running and not self.refusals and self.closed_until <= now

    def begin(self, now: float, tokens: int) -> CallEntry:
        """Count a call that begins."""
        entry = CallEntry(now, tokens)
        self.running += 1
        # Unlimited calls need no counting.
        if self.rate.requests_per_minute is not None or self.rate.tokens_per_minute is not None:
            self._entries.append(entry)
        return entry

    def end(self) -> None:
        """Note that a call has ended."""
        self.running -= 1

    def forget(self, entry: CallEntry) -> None:
        """Remove a call that was not made after all."""
        self._entries = deque(each for each in self._entries if each is not entry)

    def answered(self) -> None:
        """Note that the provider works."""
        self.refusals = 0

    def refused(self, entry: CallEntry, now: float, wait: float | None, jitter: float) -> None:
        """Close the window after a refusal.

        Args:
            entry: the refused call: of several concurrent ones, one counts.
            now: seconds of a monotonic clock.
            wait: the pause that the provider asks for, in seconds, or None.
            jitter: 0 to 1, so that several processes do not return at the same moment.
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
