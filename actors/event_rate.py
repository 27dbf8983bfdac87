"""Limits the events per second for a subscriber, so that delivery costs less than the work itself.

A person or a browser cannot follow ten thousand events a second, and making them takes time from the agents.
So a watcher asks for a rate, per stack and in total. Further events are not even made; the watcher learns
that it missed some, and should read the store. There are two token buckets
(https://en.wikipedia.org/wiki/Token_bucket), so that a stack in a loop does not use up the others' share.
"""

import time
from collections.abc import Callable

# Per stack: a cycle of three waves has some fifteen events, and a person follows only a few a second.
STACK_RATE, STACK_BURST = 30.0, 150.0

# In total: each takes some 20 microseconds of the engine's time, so 1 % of a core.
TOTAL_RATE, TOTAL_BURST = 500.0, 2000.0

# Full buckets carry no information: they are dropped when there are this many.
_MOST_BUCKETS = 10_000


class EventRate:
    """Belongs to one subscription. Thread-safe, but a race may let one event too many pass."""

    def __init__(
        self,
        stack_rate: float = STACK_RATE,
        stack_burst: float = STACK_BURST,
        total_rate: float = TOTAL_RATE,
        total_burst: float = TOTAL_BURST,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the rates (events per second) and bursts (events at once).

        Args:
            stack_rate: of each stack.
            stack_burst: of each stack.
            total_rate: of all together.
            total_burst: of all together.
            now: seconds, from any origin.
        """
        self._stack_rate, self._stack_burst = stack_rate, stack_burst
        self._total_rate, self._total_burst = total_rate, total_burst
        self._now = now
        self._total = (total_burst, now())
        self._stacks: dict[str, tuple[float, float]] = {}
        self._missed = 0

    def allows(self, stack_id: str) -> bool:
        """Return whether one more event of a stack may be delivered; if not, it counts as missed."""
        now = self._now()
        total = min(self._total[0] + (now - self._total[1]) * self._total_rate, self._total_burst)
        left, since = self._stacks.get(stack_id, (self._stack_burst, now))
        left = min(left + (now - since) * self._stack_rate, self._stack_burst)
        if total < 1 or left < 1:
            self._missed += 1
            return False
        return True

    def take(self, stack_id: str) -> None:
        """Count an event of a stack as delivered."""
        now = self._now()
        total, at = self._total
        self._total = (min(total + (now - at) * self._total_rate, self._total_burst) - 1, now)
        left, since = self._stacks.get(stack_id, (self._stack_burst, now))
        if stack_id not in self._stacks and len(self._stacks) >= _MOST_BUCKETS:
            self._drop_full(now)
        self._stacks[stack_id] = (min(left + (now - since) * self._stack_rate, self._stack_burst) - 1, now)

    def collect_missed(self) -> int:
        """Return the number of events missed since the last call."""
        missed, self._missed = self._missed, 0
        return missed

    def _drop_full(self, now: float) -> None:
        self._stacks = {
            stack_id: (left, since)
            for stack_id, (left, since) in list(self._stacks.items())
            if left + (now - since) * self._stack_rate < self._stack_burst
        }
