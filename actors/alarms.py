"""A supervisor's timers: one for the next step, one for its rest. Setting one replaces the one before."""

from collections.abc import Callable

from recursor.runtime.clock import Clock, Timer


class Alarms:
    """Belongs to one supervisor."""

    def __init__(self, clock: Clock, tell: Callable[[object], None]) -> None:
        """Tell messages with `tell` when their time comes."""
        self._clock = clock
        self._tell = tell
        self._next: Timer | None = None
        self._rest: Timer | None = None

    def set_next(self, due: float, message: object) -> None:
        """Have `message` told at `due` (seconds since the epoch, UTC)."""
        self.cancel_next()
        self._next = self._clock.call_at(due, lambda: self._tell(message))

    def set_rest(self, due: float, message: object) -> None:
        """Have `message`, that nothing has happened for a while, told at `due`."""
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._clock.call_at(due, lambda: self._tell(message))

    def cancel_next(self) -> None:
        """Take the next step's timer back."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def cancel(self) -> None:
        """Take both back."""
        self.cancel_next()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
