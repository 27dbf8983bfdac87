"""The flag that says whether an actor has stopped."""

from __future__ import annotations

import threading

from recursor.runtime.worker import blocking


class StopFlag(threading.Event):
    """A `threading.Event` that costs 1.1 KB less until somebody waits for it, which hardly anybody does.

    Every actor has one, and every `tell` reads it.
    """

    _raised = False
    _event: threading.Event | None = None

    def __init__(self) -> None:
        # Without `super().__init__()`, which makes the condition variable that this class does without.
        pass

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._raised

    def set(self) -> None:
        """Set the flag, and wake who waits for it."""
        self._raised = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Unset the flag."""
        self._raised = False
        if self._event is not None:
            self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set.

        Args:
            timeout: seconds to wait at most, or None for no limit.

        Returns:
            Whether it is set.
        """
        if self._raised:
            return True
        # `setdefault` is atomic: all who wait, wait for the same event.
        event: threading.Event = self.__dict__.setdefault("_event", threading.Event())
        # Set after the look above and before there was an event: nobody else would set it.
        if self.is_set():
            return True
        with blocking():
            return event.wait(timeout)
