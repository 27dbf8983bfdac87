"""Ids as `recursor.domain.ids` makes them, from simulated time and a counter."""

from collections.abc import Callable


class Identifiers:
    """Makes ids that sort by age in one life of the process, also when the clock is set back meanwhile."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Take the time from `now`, in seconds since the epoch, UTC."""
        self._now = now
        self._count = 0
        self._latest = 0

    def new(self) -> str:
        """Return a new id."""
        self._latest = max(self._latest, int(self._now() * 1000))
        return self._made(self._latest)

    def of_client(self, behind: float) -> str:
        """Return an id of a client whose clock is `behind` by so many seconds, or ahead."""
        return self._made(int((self._now() - behind) * 1000))

    def restart(self) -> None:
        """Forget the time: the next process does not know how far the one before had come."""
        self._latest = 0

    def _made(self, milliseconds: int) -> str:
        self._count += 1
        return f"{milliseconds:012x}{self._count:020x}"
