"""Waiting on an event loop by a clock that is a parameter."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from recursor.runtime.clock import Clock, Timer

T = TypeVar("T")


class LoopClock:
    """The machine's time, with the timers of the running event loop: a `Clock` for coroutines only."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_at`."""
        delay = max(when - time.time(), 0)
        timer = Timer(callback, lambda: handle.cancel())  # noqa: PLW0108  # there is no handle yet
        handle = asyncio.get_running_loop().call_later(delay, timer.fire)
        return timer

    def close(self) -> None:
        """See `Clock.close`."""


class SteadyTime:
    """A clock's time without backward steps, during which others would have to wait."""

    def __init__(self, clock: Clock) -> None:
        """Start with the time of `clock`."""
        self._clock = clock
        self._last = clock.now()
        self._behind = 0.0

    def now(self) -> float:
        """Return seconds; only their differences have a meaning."""
        read = self._clock.now()
        self._behind += max(self._last - read, 0.0)
        self._last = read
        return read + self._behind

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` when `now` is `when`, or soon after; see `Clock.call_at`."""
        return self._clock.call_at(when - self.now() + self._last, callback)


def on_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Let `loop` call `callback`, from any thread; not at all if the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait this many seconds."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    timer = clock.call_at(clock.now() + seconds, lambda: on_loop(loop, woken.set))
    try:
        await woken.wait()
    finally:
        timer.cancel()


@contextlib.asynccontextmanager
async def timeout_at(clock: Clock, when: float) -> AsyncIterator[asyncio.Timeout]:
    """Cancel the body at `when` (seconds since the epoch, UTC); yields the scope, which records the
    cancellation.

    Raises:
        TimeoutError: the body was cancelled.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        ended = False

        def give_up() -> None:
            if not ended:
                scope.reschedule(loop.time())

        timer = clock.call_at(when, lambda: on_loop(loop, give_up))
        try:
            yield scope
        finally:
            ended = True
            timer.cancel()


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end, even if the caller is cancelled; that takes effect afterwards."""
    import anyio  # a dependency of the model packages

    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    # A cancelled scope of anyio, which pydantic-ai uses, would cancel the wait in every turn of the loop.
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        # Its error has been seen, and no longer matters.
        _ = task.cancelled() or task.exception()
        raise cancelled
    return task.result()
