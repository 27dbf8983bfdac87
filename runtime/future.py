"""The answer to a message: pykka's future plus callbacks, so that no thread has to wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pykka import Future, Timeout

from recursor.runtime.worker import blocking

if TYPE_CHECKING:
    from pykka._future import GetHookFunc
    from pykka._types import OptExcInfo

T = TypeVar("T")

logger = logging.getLogger("recursor.runtime")


class DispatchedFuture(Future[T]):
    """A future with the semantics of pykka's `ThreadingFuture`, and callbacks.

    It needs no condition variable: a waiting thread adds a callback that releases a lock. No thread ever
    waits for `_claim`; the one that acquires it sets the value. The value is published before the callbacks
    are read, and a callback is added before the value is read, so none is missed. Each callback is removed
    from the list before its call, so none is called twice.

    Waiting in `get` on a dispatcher's thread is safe: see `recursor.runtime.worker.blocking`.
    """

    # Class attributes, not set for each future: most futures keep these values.
    _get_hook: GetHookFunc[T] | None = None
    _hook_lock: threading.RLock | None = None
    _outcome: tuple[T | None, OptExcInfo | None] | None = None

    def __init__(self) -> None:
        # Without `super().__init__()`, which would set the class attributes above.
        self._claim = threading.Lock()
        self._callbacks: list[Callable[[DispatchedFuture[T]], object]] = []

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value.

        Args:
            timeout: seconds to wait at most, or None for no limit.

        Returns:
            The value.

        Raises:
            pykka.Timeout: no value was set in time.
            BaseException: the exception that was set.
        """
        if self._outcome is None:
            if self._get_hook is not None:
                self._call_hook(self._get_hook, timeout)
            else:
                self._wait(timeout)
        # Both ways above set the outcome, or raise.
        value, exc_info = self._outcome  # type: ignore[misc]
        if exc_info is None:
            return value  # type: ignore[return-value]  # pykka's `set` takes None whatever T is
        error = _exception(exc_info)
        if error.__traceback__ is not exc_info[2]:
            raise error.with_traceback(exc_info[2])
        raise error

    def set(self, value: T | None = None) -> None:
        """Set the value and call the callbacks.

        Args:
            value: the value.

        Raises:
            queue.Full: a value, an exception or a get hook was already set.
        """
        if not self._claim.acquire(False):
            raise queue.Full
        self._outcome = (value, None)
        if self._callbacks:
            self._call_back()

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Set an exception for `get` to raise, and call the callbacks.

        Args:
            exc_info: as `sys.exc_info()` returns it; None for the current exception.

        Raises:
            queue.Full: a value, an exception or a get hook was already set.
        """
        assert exc_info is None or len(exc_info) == 3
        outcome = (None, exc_info or sys.exc_info())
        if not self._claim.acquire(False):
            raise queue.Full
        self._outcome = outcome
        if self._callbacks:
            self._call_back()

    def set_get_hook(self, func: GetHookFunc[T]) -> None:
        """Let the first call of `get` compute the value.

        Args:
            func: takes `get`'s timeout in seconds, or None, and returns the value.

        Raises:
            queue.Full: a value or an exception was already set.
        """
        if not self._claim.acquire(False) and self._get_hook is None:
            raise queue.Full
        if self._hook_lock is None:
            self._hook_lock = threading.RLock()
        self._get_hook = func

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the value in a coroutine, on any event loop; raises like `get`.

        In a coroutine that no event loop runs, this yields the future itself: the code that runs the
        coroutine must resume it when the future is done. A future with a get hook calls the hook, which may
        block.
        """
        if self._outcome is None and self._get_hook is None:
            loop = asyncio._get_running_loop()
            if loop is None:
                yield self
            else:
                yield from _on_loop(self, loop).__await__()
        return self.get()

    __iter__ = __await__

    def done(self) -> bool:
        """Whether there is a value or an exception."""
        return self._outcome is not None

    def exception(self) -> BaseException | None:
        """Return the exception, if any, without waiting and without raising it.

        Returns:
            The exception, or None if there is a value.

        Raises:
            pykka.Timeout: it is not done.
        """
        if self._outcome is None:
            raise Timeout("not done")
        exc_info = self._outcome[1]
        return None if exc_info is None else _exception(exc_info)

    @property
    def outcome(self) -> T | BaseException:
        """Return the value, or the exception without raising it.

        Raises:
            pykka.Timeout: it is not done.
        """
        if self._outcome is None:
            raise Timeout("not done")
        value, exc_info = self._outcome
        return value if exc_info is None else _exception(exc_info)  # type: ignore[return-value]  # see `get`

    def add_done_callback(self, callback: Callable[[DispatchedFuture[T]], object]) -> None:
        """Call a function once when the future is done, or now if it already is.

        The thread that completes the future calls it, often another actor's: it should do no more than tell
        an actor. Its exceptions are logged.

        A future with a get hook (from `map`, `filter`, `join`, `reduce`, `ActorRef.stop(block=False)`) has no
        value until `get` is called, because only the hook can get it, and that may mean waiting. Its
        callbacks are called by the first `get` that returns a value, so without a `get` never. Add callbacks
        to the futures that actors answer instead; see also `fan_in` and `recursor.runtime.actor.stop`.

        Args:
            callback: called with this future.
        """
        self._callbacks.append(callback)
        if self._outcome is not None:
            self._call_back()

    def remove_done_callback(self, callback: Callable[[DispatchedFuture[T]], object]) -> None:
        """Remove a callback that has not been called; does nothing if it has.

        Args:
            callback: the argument of `add_done_callback`.
        """
        with contextlib.suppress(ValueError):
            self._callbacks.remove(callback)

    def _call_back(self) -> None:
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                # Another thread added a callback, found the outcome, and took the last callback.
                return
            try:
                callback(self)
            except Exception:
                logger.exception("A callback of a future failed")

    def _wait(self, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            raise Timeout(f"{timeout} seconds")
        gate = threading.Lock()
        gate.acquire()

        def open_gate(_future: DispatchedFuture[T]) -> None:
            gate.release()

        self.add_done_callback(open_gate)
        if gate.acquire(False):
            return
        with blocking():
            opened = gate.acquire(timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX))
        if not opened:
            self.remove_done_callback(open_gate)
            if self._outcome is None:
                raise Timeout(f"{timeout} seconds")

    def _call_hook(self, hook: GetHookFunc[T], timeout: float | None) -> None:
        lock = cast("threading.RLock", self._hook_lock)
        if not lock.acquire(False):
            with blocking():
                lock.acquire()
        try:
            if self._outcome is None:
                self._outcome = (hook(timeout), None)
        finally:
            lock.release()
        self._call_back()


async def _on_loop(future: DispatchedFuture[Any], loop: asyncio.AbstractEventLoop) -> None:
    done: asyncio.Future[None] = loop.create_future()

    def complete() -> None:
        if not done.done():
            done.set_result(None)

    def wake(_future: DispatchedFuture[Any]) -> None:
        # RuntimeError: the loop was closed, and the coroutine with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(complete)

    future.add_done_callback(wake)
    try:
        await done
    finally:
        future.remove_done_callback(wake)


class Reply:
    """Stands in for the future of a question: passes the answer on, once, as soon as it comes.

    It takes a third of the time of a future with a callback, for actors that often ask others.
    """

    __slots__ = ("_take",)

    def __init__(self, take: Callable[[Any, BaseException | None], object]) -> None:
        """Pass the answer, or the error in its place, to a function.

        Args:
            take: called once, on the thread of the actor that answers: it should only tell an actor.
                What it raises is logged.
        """
        self._take: Callable[[Any, BaseException | None], object] | None = take

    def set(self, value: Any = None) -> None:
        """Take the answer.

        Raises:
            queue.Full: it was already answered.
        """
        self._pass_on(value, None)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Take the error; None for the current exception.

        Raises:
            queue.Full: it was already answered.
        """
        self._pass_on(None, _exception(exc_info or sys.exc_info()))

    def _pass_on(self, value: Any, error: BaseException | None) -> None:
        take, self._take = self._take, None
        if take is None:
            raise queue.Full
        try:
            take(value, error)
        except Exception:
            logger.exception("An answer could not be passed on")


def fan_in(futures: Iterable[DispatchedFuture[T]]) -> DispatchedFuture[list[T | BaseException]]:
    """Combine futures into one, without a thread that waits for them.

    Args:
        futures: the futures to wait for; a future with a get hook must have its `get` called elsewhere.

    Returns:
        A future that is done when all of them are. Its value is the list of their values, in their order,
        with exceptions in place of missing values; none is raised.
    """
    awaited = list(futures)
    everything: DispatchedFuture[list[T | BaseException]] = DispatchedFuture()
    if not awaited:
        everything.set([])
        return everything
    arrivals = count(1)

    def arrived(_future: DispatchedFuture[Any]) -> None:
        # `next` on a count is atomic: exactly one callback is the last.
        if next(arrivals) < len(awaited):
            return
        everything.set([future.outcome for future in awaited])

    for future in awaited:
        future.add_done_callback(arrived)
    return everything


def _exception(exc_info: OptExcInfo) -> BaseException:
    kind, error, _traceback = exc_info
    assert kind is not None
    return kind() if error is None else error
