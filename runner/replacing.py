"""When another process is begun in place of one that died."""

# Seconds, doubled with every death up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

# One that lived as long as this, in seconds, was well: its death counts as the first.
WELL_AFTER = 60.0

# How long one that is to end may take before it is killed, in seconds.
FAREWELL_SECONDS = 5.0


class Pauses:
    """How long to wait, time after time."""

    def __init__(self) -> None:
        """Begin with the shortest."""
        self._next = FIRST_PAUSE

    def after(self, lived: float) -> float:
        """Return how long to wait now, in seconds, when the last one has lived for `lived` seconds."""
        pause = FIRST_PAUSE if lived > WELL_AFTER else self._next
        self._next = min(2 * pause, LONGEST_PAUSE)
        return pause
