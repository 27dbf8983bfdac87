"""A pool of tasks on one thread, in an order drawn from a seed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from recursor.runtime.admission import Admission
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.interfaces import Load
from recursor.runtime.simulated import Scheduler
from recursor.runtime.task import PoolTask
from recursor.runtime.task_threads import CANCEL_AGAIN
from recursor.runtime.worker import forbid_waiting

T = TypeVar("T")

logger = logging.getLogger("recursor.runtime")


class SimulatedPool:
    """Runs tasks as a `recursor.runtime.pool.TaskPool` does; each call of a function is a step.

    A coroutine runs without an event loop, a step from each `await` to the next. It may await
    `DispatchedFuture`s, such as those of `Scheduler.sleep`, and `asyncio.sleep(0)`.

    Args:
        scheduler: runs the steps.
        limit: the most tasks that run at a time.

    Attributes:
        crashed: whether the pool was dropped, so that nothing runs here any more.

    Raises:
        ValueError: `limit` is less than 1.
    """

    def __init__(self, scheduler: Scheduler, limit: int) -> None:
        self.limit = limit
        self._scheduler = scheduler
        self._admission = Admission(limit, self._start, self._cancel)
        self._ready: list[Callable[[], object]] = []
        self._running: dict[PoolTask[Any], _Running] = {}
        self._hooks: list[Callable[[], Awaitable[object]]] = []
        self.crashed = False

    @property
    def load(self) -> Load:
        """See `TaskPool.load`."""
        return self._admission.load

    def submit(self, work: Callable[[PoolTask[T]], T], *, priority: int, client: str = "") -> PoolTask[T]:
        """See `TaskPool.submit`."""
        return self._admission.add(
            PoolTask(self._admission, work, priority, is_coroutine=False, client=client)
        )

    def submit_coroutine(
        self, work: Callable[[PoolTask[T]], Coroutine[Any, Any, T]], *, priority: int, client: str = ""
    ) -> PoolTask[T]:
        """See `TaskPool.submit_coroutine`."""
        return self._admission.add(
            PoolTask(self._admission, work, priority, is_coroutine=True, client=client)
        )

    def clients(self) -> frozenset[str]:
        """See `TaskPool.clients`."""
        return self._admission.clients()

    def hold(self) -> None:
        """See `TaskPool.hold`."""
        self._admission.hold()

    def release(self) -> None:
        """See `TaskPool.release`."""
        self._admission.release()

    def call_at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """See `TaskPool.call_at_end`."""
        self._hooks.append(close)

    def shutdown(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # nothing takes time
        """See `TaskPool.shutdown`. Ready steps run at once.

        Returns:
            Whether all coroutines and hooks have ended; those that sleep while being cancelled have not.
        """
        for task in self._admission.close():
            task.abandon()
        self._run_ready()
        hooks = [_Running(self, _call(close), _log_failure) for close in reversed(self._hooks)]
        self._hooks.clear()
        for hook in hooks:
            hook.wake()
            self._run_ready()
        return not self._running and all(hook.has_ended for hook in hooks)

    def crash(self) -> None:
        """Drop all tasks. Nothing runs here again, and no future of a task is ever done."""
        self.crashed = True
        self._ready.clear()
        self._scheduler.drop_timers(self)
        running, self._running = self._running, {}
        for coroutine in running.values():
            coroutine.drop()

    def make_ready(self, step: Callable[[], object]) -> None:
        """Schedule a step; only for the pool's coroutines."""
        if not self.crashed:
            self._ready.append(step)
            self._scheduler.add(self._run_one)

    def _start(self, task: PoolTask[Any]) -> None:
        self.make_ready(partial(self._begin, task))

    def _begin(self, task: PoolTask[Any]) -> None:
        if not self._admission.begin(task):
            return
        if task.is_coroutine:
            running = self._running[task] = _Running(self, task.run_coroutine(), partial(self._end, task))
            running.step()
        else:
            self._end(task, task.run())

    def _end(self, task: PoolTask[Any], outcome: tuple[Any, BaseException | None]) -> None:
        self._running.pop(task, None)
        counts = self._admission.end(task)
        if counts:
            task.settle(*outcome)

    def _cancel(self, task: PoolTask[Any]) -> None:
        running = self._running.get(task)
        if running is not None and not self.crashed:
            running.cancel()
            self._scheduler.call_after(CANCEL_AGAIN, partial(self._cancel, task), owner=self)

    def _run_ready(self) -> None:
        with forbid_waiting():
            while self._ready:
                self._run_one()

    def _run_one(self) -> None:
        if self._ready:
            drawn = int(self._scheduler.random.random() * len(self._ready))
            self._ready.pop(drawn)()


class _Running:
    """A coroutine that has begun.

    Args:
        pool: runs its steps.
        coroutine: the coroutine to run; it raises nothing.
        ended: called with its return value.

    Attributes:
        has_ended: whether it has ended.
    """

    def __init__(
        self,
        pool: SimulatedPool,
        coroutine: Coroutine[Any, Any, tuple[Any, BaseException | None]],
        ended: Callable[[tuple[Any, BaseException | None]], object],
    ) -> None:
        self._pool = pool
        self._coroutine = coroutine
        self._ended = ended
        self._awaited: DispatchedFuture[Any] | None = None
        self._is_ready = False
        self._raise: BaseException | None = None
        self.has_ended = False

    def wake(self) -> None:
        """Schedule the next step."""
        if not self._is_ready:
            self._is_ready = True
            self._pool.make_ready(self.step)

    def cancel(self) -> None:
        """Let the next step raise `CancelledError` in the coroutine."""
        self._raise_next(asyncio.CancelledError())

    def drop(self) -> None:
        """Never run it again."""
        self.has_ended = True
        # Python would close an abandoned coroutine whenever it is collected. Closing it here loses whatever
        # it still does or raises, such as an `await` in a `finally`.
        with contextlib.suppress(BaseException):
            self._coroutine.close()

    def step(self) -> None:
        """Run it to its next `await`."""
        self._is_ready = False
        if self.has_ended:
            return
        error, self._raise = self._raise, None
        try:
            awaited = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
        except StopIteration as stop:
            self.has_ended = True
            self._ended(stop.value)
            return
        if self._pool.crashed:
            self.drop()
        elif isinstance(awaited, DispatchedFuture):
            self._awaited = awaited
            awaited.add_done_callback(self._resume)
        elif awaited is None:
            self.wake()
        else:
            self._raise_next(
                TypeError(f"a simulated coroutine can await only a DispatchedFuture, not {awaited!r}")
            )

    def _raise_next(self, error: BaseException) -> None:
        self._raise = error
        self._awaited = None
        self.wake()

    def _resume(self, done: DispatchedFuture[Any]) -> None:
        if done is self._awaited:
            self._awaited = None
            self.wake()


async def _call(close: Callable[[], Awaitable[object]]) -> tuple[None, BaseException | None]:
    try:
        await close()
    except BaseException as error:  # noqa: BLE001  # logged by the caller
        return None, error
    return None, None


def _log_failure(outcome: tuple[Any, BaseException | None]) -> None:
    if outcome[1] is not None:
        logger.error("a hook failed", exc_info=outcome[1])
