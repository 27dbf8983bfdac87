"""What one provider, or one model of it, still takes: pure bookkeeping, told the time."""

import math
from collections import deque
from dataclasses import dataclass, field

from recursor.domain.rates import Rate

WINDOW = 60.0
# Seconds before the next try after a refusal that does not say when; doubled by every further one in a row.
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
# A provider that asks for more is asked again nevertheless: clocks differ, and so do opinions.
LONGEST_WAIT = 3_600.0


def backoff(troubles: int, jitter: float) -> float:
    """Return how many seconds to wait after so many troubles in a row.

    Args:
        troubles: from 1.
        jitter: 0 to 1, by chance: so that those who were in trouble together do not come back together.
    """
    return float(min(FIRST_BACKOFF * 2 ** (troubles - 1), LONGEST_BACKOFF) * (0.5 + jitter / 2))


@dataclass(slots=True)
class Place:
    """One call in the window."""

    at: float
    tokens: int
    """What it may take; what it took, once that is known."""


@dataclass(slots=True)
class Lane:
    """The calls of one provider or model, and when the next one may begin."""

    name: str
    rate: Rate
    running: int = 0
    closed_until: float = 0.0
    troubles: int = 0
    """Refusals since the last answer."""
    _window: deque[Place] = field(default_factory=deque)
    _closed_at: float = 0.0

    def opens_at(self, now: float, tokens: int) -> float:
        """Return when a call of at most `tokens` may begin: not after now, if at once.

        Infinity, where that depends on one under way. A call of more tokens than fit into a minute has a
        minute for itself.
        """
        rate = self.rate
        # After a refusal one call at a time finds out whether it was the last.
        most = 1 if self.troubles else rate.concurrent
        if most is not None and self.running >= most:
            return math.inf
        while self._window and self._window[0].at <= now - WINDOW:
            self._window.popleft()
        opens = self.closed_until
        if rate.requests_per_minute is not None and len(self._window) >= rate.requests_per_minute:
            opens = max(opens, self._window[-rate.requests_per_minute].at + WINDOW)
        if rate.tokens_per_minute is not None:
            opens = max(opens, self._fits_at(tokens, rate.tokens_per_minute))
        return opens

    def is_idle(self, now: float) -> bool:
        """Return whether a new one would be as good."""
        is_empty = not self._window or self._window[-1].at <= now - WINDOW
        return is_empty and not self.running and not self.troubles and self.closed_until <= now

    def enter(self, now: float, tokens: int) -> Place:
        """Begin a call."""
        place = Place(now, tokens)
        self.running += 1
        # What nothing limits, nothing has to count.
        if self.rate.requests_per_minute is not None or self.rate.tokens_per_minute is not None:
            self._window.append(place)
        return place

    def leave(self) -> None:
        """End a call."""
        self.running -= 1

    def forget(self, place: Place) -> None:
        """Count a call no more that was not made after all."""
        self._window = deque(each for each in self._window if each is not place)

    def answered(self) -> None:
        """Note that all is well."""
        self.troubles = 0

    def refused(self, place: Place, now: float, wait: float | None, jitter: float) -> None:
        """Close the lane after a refusal.

        Args:
            place: the call that was refused: of several that were under way at the same time, one counts.
            now: seconds, of a time that has no steps back.
            wait: seconds that the provider asks for, or None.
            jitter: 0 to 1: so that several processes do not come back at the same moment.
        """
        if place.at >= self._closed_at or not self.troubles:
            self.troubles += 1
            self._closed_at = now
        if wait is None:
            wait = backoff(self.troubles, jitter)
        self.closed_until = max(self.closed_until, now + min(wait, LONGEST_WAIT))

    def _fits_at(self, tokens: int, limit: int) -> float:
        excess = sum(place.tokens for place in self._window) + tokens - limit
        at = 0.0
        for place in self._window:
            if excess <= 0:
                break
            excess -= place.tokens
            at = place.at + WINDOW
        return at
