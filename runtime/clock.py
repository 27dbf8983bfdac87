"""Time as a parameter: a clock tells the time and calls functions at given times."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("recursor.runtime")


# Cancelled timers stay in the heap until there are this many and they make up half of it. Then all are
# removed at once, which costs no more per timer than removing it from a heap.
MOST_CANCELLED = 1000


class Timer:
    """A call due at some time. Cancelling it after it was made does nothing."""

    __slots__ = ("_forget", "callback")

    def __init__(self, callback: Callable[[], object], forget: Callable[[], object] | None = None) -> None:
        """Make a timer for `callback`; `forget` is called if it is cancelled in time."""
        self.callback: Callable[[], object] | None = callback
        self._forget = forget

    def cancel(self) -> None:
        """Prevent the call, unless it is already being made."""
        if self.callback is not None:
            self.callback = None
            if self._forget is not None:
                self._forget()

    def fire(self) -> None:
        """Make the call, once. Its exceptions are logged: they must not end the thread that all timers
        share."""
        callback, self.callback = self.callback, None
        if callback is None:
            return
        try:
            callback()
        except Exception:
            logger.exception("a timer's call failed")


class Clock(Protocol):
    """Tells the time, and makes calls later."""

    def now(self) -> float:
        """Return the time in seconds since the epoch, UTC."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` once, at `when` (seconds since the epoch, UTC) or soon after.

        It runs on a thread that all timers share and should do no more than tell an actor.
        """
        ...

    def close(self) -> None:
        """Make no further calls."""
        ...


class SystemClock:
    """The machine's time. One thread, started with the first timer, makes all calls; it never polls."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = itertools.count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    now = staticmethod(time.time)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_at`. A later change of the machine's time does not move the call."""
        timer = Timer(callback, self._forget)
        due = time.monotonic() + (when - time.time())
        with self._changed:
            if self._closed:
                return timer
            entry = (due, next(self._serial), timer)
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify()
            if self._thread is None:
                # A daemon, so that a program that forgets to close its clock can still exit.
                self._thread = threading.Thread(target=self._run, name="recursor-timers", daemon=True)
                self._thread.start()
        return timer

    def close(self) -> None:
        """See `Clock.close`."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._heap or self._heap[0][0] > time.monotonic()):
                    # A cancelled timer is dropped when it comes up; there is no need to wake the thread.
                    while self._heap and self._heap[0][2].callback is None:
                        heapq.heappop(self._heap)
                        self._cancelled -= 1
                    # A thread cannot wait for centuries in one call, so it checks again later.
                    longest = threading.TIMEOUT_MAX
                    due = self._heap[0][0] - time.monotonic() if self._heap else longest
                    self._changed.wait(min(due, longest))
                if self._closed:
                    return
                timer = heapq.heappop(self._heap)[2]
                if timer.callback is None:
                    self._cancelled -= 1
            timer.fire()

    def _forget(self) -> None:
        with self._changed:
            self._cancelled += 1
            if self._cancelled > max(MOST_CANCELLED, len(self._heap) // 2):
                self._heap = [entry for entry in self._heap if entry[2].callback is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0


class ManualClock:
    """A clock that moves only when told to: for tests and replays."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        """Start at `start`, seconds since the epoch, UTC."""
        self._lock = threading.Lock()
        self._now = start
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = itertools.count()

    def now(self) -> float:
        """See `Clock.now`. Each reading is a microsecond later: no two readings of a real clock are equal."""
        with self._lock:
            self._now += 1e-6
            return self._now

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_at`. `advance` makes the call, on its own thread, even if it is already due."""
        timer = Timer(callback)
        with self._lock:
            heapq.heappush(self._heap, (when, next(self._serial), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and make each call that falls due at its time."""
        with self._lock:
            end = self._now + seconds
        while (timer := self._next_until(end)) is not None:
            timer.fire()
        with self._lock:
            self._now = max(self._now, end)

    def next_due(self) -> float | None:
        """Return when the next call is due, in seconds since the epoch, UTC; None if there is none."""
        with self._lock:
            return min((when for when, _, timer in self._heap if timer.callback is not None), default=None)

    def close(self) -> None:
        """See `Clock.close`."""
        with self._lock:
            self._heap.clear()

    def _next_until(self, end: float) -> Timer | None:
        with self._lock:
            if not self._heap or self._heap[0][0] > end:
                return None
            when, _, timer = heapq.heappop(self._heap)
            self._now = max(self._now, when)
            return timer
