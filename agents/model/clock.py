"""Time as a parameter of asking: when to go on, and when to give up."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol


class Alarm(Protocol):
    """A call that is due at some time."""

    def cancel(self) -> None:
        """Make sure that the call is not made."""
        ...


class Clock(Protocol):
    """The time, and calls at later times: what `recursor.runtime.clock.Clock` is, too."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm:
        """Have `callback` called once at `when` (seconds since the epoch, UTC) or soon after.

        It may be called on any thread.
        """
        ...


class LoopClock:
    """The machine's time, with the timers of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make calls on `loop`; to be asked for them on its thread only."""
        self._loop = loop

    def now(self) -> float:
        """See `Clock.now`."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm:
        """See `Clock.call_at`."""
        return self._loop.call_later(max(when - time.time(), 0), callback)


class Steady:
    """The time of a clock, without its steps back: nothing is to wait until they are made up for."""

    def __init__(self, clock: Clock) -> None:
        """Begin with the time of `clock`."""
        self._clock = clock
        self._last = clock.now()
        self._behind = 0.0

    def now(self) -> float:
        """Return seconds; only differences of them mean anything."""
        read = self._clock.now()
        self._behind += max(self._last - read, 0.0)
        self._last = read
        return read + self._behind

    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm:
        """Have `callback` called when `now` is `when`, or soon after; see `Clock.call_at`."""
        return self._clock.call_at(when - self.now() + self._last, callback)


def on_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Have `callback` called by `loop`, from any thread; not at all, if the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait for so long."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    alarm = clock.call_at(clock.now() + seconds, lambda: on_loop(loop, woken.set))
    try:
        await woken.wait()
    finally:
        alarm.cancel()


@contextlib.asynccontextmanager
async def within(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Cancel the body when it takes longer.

    Raises:
        TimeoutError: it did.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        ended = False

        def give_up() -> None:
            if not ended:
                scope.reschedule(loop.time())

        alarm = clock.call_at(clock.now() + seconds, lambda: on_loop(loop, give_up))
        try:
            yield
        finally:
            ended = True
            alarm.cancel()
