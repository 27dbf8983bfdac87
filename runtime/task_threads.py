"""The threads of a pool: those that call functions, and the one that runs coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from recursor.runtime.right_of_way import RIGHT_OF_WAY
from recursor.runtime.task import PoolTask, TaskState

logger = logging.getLogger("recursor.runtime")

# Seconds after which a coroutine that ignored its cancellation is cancelled again.
CANCEL_AGAIN = 2.0
# Seconds that each hook of `call_at_end` may take: closing a connection takes a round trip.
CLOSE_LIMIT = 5.0


class ThreadedPool(Protocol):
    """A pool, as its threads see it."""

    def begin(self, task: PoolTask[Any]) -> bool:
        """Note that a task begins. Returns whether it may."""
        ...

    def end(
        self, task: PoolTask[Any], value: Any, error: BaseException | None, thread: TaskThread | None = None
    ) -> PoolTask[Any] | None:
        """Take a task's outcome. Returns the next one for the thread that ran it, as `next_for` does."""
        ...

    def next_for(self, thread: TaskThread) -> PoolTask[Any] | None:
        """Return the next function for a thread; None if it should wait, or end if it is `superfluous`."""
        ...

    def thread_ended(self, thread: TaskThread, task: PoolTask[Any] | None) -> None:
        """Account for a thread that ends, and for its task if the thread was killed."""
        ...


class TaskThread(threading.Thread):
    """Runs functions, one after another.

    A daemon, so that a function that is stuck forever does not keep the process from exiting.
    """

    def __init__(self, pool: ThreadedPool, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.superfluous = False
        """Whether it should end as soon as it has nothing to run; only the pool changes it."""
        self._pool = pool
        self._task: PoolTask[Any] | None = None
        self._wake = threading.Lock()
        self._wake.acquire()

    @property
    def is_abandoned(self) -> bool:
        """Whether its current task was abandoned."""
        task = self._task
        return task is not None and task.state is TaskState.ABANDONED

    def wake(self) -> None:
        """Make it look for a task."""
        self._wake.release()

    def run(self) -> None:
        """Run tasks until it is superfluous."""
        pool = self._pool
        task: PoolTask[Any] | None = None
        try:
            while not self.superfluous:
                self._wake.acquire()
                task = self._task = pool.next_for(self)
                while task is not None:
                    if RIGHT_OF_WAY.is_taken:
                        RIGHT_OF_WAY.give_way()
                    if pool.begin(task):
                        task = self._task = pool.end(task, *task.run(), thread=self)
                    else:
                        task = self._task = pool.next_for(self)
        finally:
            pool.thread_ended(self, self._task)


class LoopThread(threading.Thread):
    """Runs coroutines on an event loop. A daemon, because a coroutine may block it forever."""

    def __init__(self, pool: ThreadedPool, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._pool = pool
        self._loop = asyncio.new_event_loop()
        # Tasks begin in an empty context, not in that of the task that passed its slot on.
        self._context = contextvars.Context()
        self._beginning: deque[PoolTask[Any]] = deque()
        self._is_called = False
        self._running: dict[PoolTask[Any], asyncio.Task[tuple[Any, BaseException | None]]] = {}
        self._end: asyncio.Task[None] | None = None
        self._has_ended = False

    def begin(self, task: PoolTask[Any]) -> None:
        """Start an admitted task."""
        # Appended before the flag is read. The loop clears the flag before it reads the queue, so none is
        # missed.
        self._beginning.append(task)
        if not self._is_called:
            self._is_called = True
            self._call(self._begin_all)

    def cancel(self, task: PoolTask[Any]) -> None:
        """Cancel a running task, repeatedly until it ends."""
        self._call(self._cancel, task)

    def close(self, hooks: list[Callable[[], Awaitable[object]]], deadline: float | None) -> None:
        """Wait for the tasks until `deadline` (as `time.monotonic`), call the hooks, and end."""
        self._call(self._close, hooks, deadline)

    def run(self) -> None:
        """Run the loop until it is closed."""
        try:
            while not self._has_ended:
                try:
                    self._loop.run_forever()
                except BaseException:
                    # A task started by user code, or a callback, raised SystemExit or KeyboardInterrupt.
                    logger.exception("%s: the event loop was interrupted and continues", self.name)
        finally:
            self._loop.close()

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        # RuntimeError: the loop has ended.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args, context=self._context)

    def _begin_all(self) -> None:
        self._is_called = False
        while self._beginning:
            task = self._beginning.popleft()
            if self._pool.begin(task):
                running = self._running[task] = self._loop.create_task(task.run_coroutine())
                # Not at the end of the coroutine itself: one that is cancelled at once never enters its code.
                running.add_done_callback(partial(self._ended, task))

    def _ended(self, task: PoolTask[Any], running: asyncio.Task[tuple[Any, BaseException | None]]) -> None:
        del self._running[task]
        error = asyncio.CancelledError() if running.cancelled() else running.exception()
        self._pool.end(task, *(running.result() if error is None else (None, error)))

    def _cancel(self, task: PoolTask[Any]) -> None:
        running = self._running.get(task)
        if running is not None:
            running.cancel()
            self._loop.call_later(CANCEL_AGAIN, self._cancel, task)

    def _close(self, hooks: list[Callable[[], Awaitable[object]]], deadline: float | None) -> None:
        if self._end is None:
            self._end = self._loop.create_task(self._close_in_order(hooks, deadline))

    async def _close_in_order(
        self, hooks: list[Callable[[], Awaitable[object]]], deadline: float | None
    ) -> None:
        if self._running:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            await asyncio.wait(self._running.values(), timeout=remaining)
        strays = asyncio.all_tasks() - {asyncio.current_task()} - set(self._running.values())
        for stray in strays:
            stray.cancel()
        if strays:
            await asyncio.wait(strays, timeout=CLOSE_LIMIT)
        while hooks:
            try:
                await asyncio.wait_for(hooks.pop()(), CLOSE_LIMIT)
            except BaseException:
                logger.exception("%s: a hook failed", self.name)
        # A coroutine that still ignores its cancellation must not be closed: it may ignore that forever, too.
        while self._running:
            await asyncio.wait(self._running.values())
        await self._loop.shutdown_asyncgens()
        self._has_ended = True
        self._loop.stop()
