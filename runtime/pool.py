"""A limited number of tasks at a time, the most urgent first: functions on threads, coroutines on a loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from itertools import count
from typing import Any, TypeVar

from recursor.runtime.admission import Admission
from recursor.runtime.interfaces import Load
from recursor.runtime.task import Task, TaskAbandonedError, TaskState

__all__ = ["Task", "TaskAbandonedError", "TaskPool"]

T = TypeVar("T")

logger = logging.getLogger("recursor.runtime")

# Seconds after which a coroutine that ignores its cancellation is cancelled again.
CANCEL_AGAIN = 2.0
# Seconds that each hook of `call_at_end` may take: to close a connection takes a round trip.
CLOSE_LIMIT = 5.0


class TaskPool:
    """Runs tasks, at most `limit` at a time, the most urgent first, and those of equal priority in order.

    Functions run on threads, which are started on demand and wait without using the CPU. Coroutines run on
    one event loop, on a thread that starts with the first of them. All methods may be called from any thread,
    and from callbacks of futures.

    Callbacks of a task's future are called by the thread that ran the task, after its place was passed on.

    Args:
        limit: how many tasks at most run at a time.
        name: what the threads' names begin with.

    Raises:
        ValueError: `limit` is less than 1.
    """

    def __init__(self, limit: int, name: str) -> None:
        self.limit = limit
        self.name = name
        self._admission = Admission(limit, self._start, self._cancel)
        # For threads that come and go.
        self._lock = threading.RLock()
        self._threads: set[_TaskThread] = set()
        self._idle: list[_TaskThread] = []
        self._serial = count(1)
        self._loop: _LoopThread | None = None
        self._hooks: list[Callable[[], Awaitable[object]]] = []
        self._closing = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.limit} places>"

    def submit(self, work: Callable[[Task[T]], T], *, priority: int) -> Task[T]:
        """Have a function called on a thread, where it may block.

        Args:
            work: called with its task.
            priority: from 0 to 10, higher is sooner.

        Returns:
            The task. If the pool was shut down, it is abandoned already.

        Raises:
            ValueError: there is no such priority.
        """
        return self._admission.add(Task(self._admission, work, priority, is_coroutine=False))

    def submit_coroutine(
        self, work: Callable[[Task[T]], Coroutine[Any, Any, T]], *, priority: int
    ) -> Task[T]:
        """Have a coroutine run on the pool's event loop, which it must not block.

        Args:
            work: called with its task, on the loop, to make the coroutine.
            priority: from 0 to 10, higher is sooner.

        Returns:
            The task. If the pool was shut down, it is abandoned already.

        Raises:
            ValueError: there is no such priority.
        """
        return self._admission.add(Task(self._admission, work, priority, is_coroutine=True))

    def hold(self) -> None:
        """Let no task begin, nor any that stepped aside continue, until `release`."""
        self._admission.hold(held=True)

    def release(self) -> None:
        """Let tasks begin again."""
        self._admission.hold(held=False)

    def call_at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have a function called and awaited on the event loop, after all tasks, when the pool is shut down.

        The last one added is called first. What it raises is logged.

        Args:
            close: closes what tasks share, as connections.
        """
        self._hooks.append(close)

    @property
    def load(self) -> Load:
        """How many tasks wait and run, and how many were abandoned and have not ended yet."""
        return self._admission.load

    def shutdown(self, timeout: float | None = None) -> bool:
        """Start no more tasks, abandon all coroutines, and wait for the functions that have begun.

        Tasks that have not begun are abandoned. When the coroutines have ended, the hooks are called and the
        loop ends. On one of the pool's own threads this waits for the others only.

        Args:
            timeout: seconds to wait at most, after which functions that still run are abandoned; None for no
                limit.

        Returns:
            Whether all threads have ended, other than those of tasks that had been abandoned before.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._closing = True
        for task in self._admission.close():
            if task.is_coroutine:
                task.abandon()
        for thread in self._take_idle():
            thread.hand(None)
        if self._hooks and self._loop is None:
            self._start_loop()
        if self._loop is not None:
            self._loop.close(self._hooks, deadline)
        if self._join(deadline):
            return True
        for task in self._admission.close():
            task.abandon()
        return False

    def next_for(self, thread: _TaskThread) -> bool:
        """Let a thread wait for the next function; only for that thread.

        Returns:
            Whether it is to wait: not if the pool is being shut down.
        """
        # Idle before the flag is looked at, which is set before the idle ones are looked for.
        self._idle.append(thread)
        if not self._closing:
            return True
        try:
            self._idle.remove(thread)
        except ValueError:
            # It has just been handed something.
            return True
        return False

    def thread_ended(self, thread: _TaskThread, task: Task[Any] | None) -> None:
        """Account for a thread that ends, and for the task that it had, if it was killed."""
        with self._lock:
            self._threads.discard(thread)
        with contextlib.suppress(ValueError):
            self._idle.remove(thread)
        if task is None:
            return
        if task.state is TaskState.ADMITTED:
            self._start(task)
        elif task.state in {TaskState.RUNNING, TaskState.ABANDONED}:
            self.end(task, None, RuntimeError(f"thread {thread.name} was killed"))

    def begin(self, task: Task[Any]) -> bool:
        """Note that a task begins; only for the pool's threads. Returns whether it may."""
        return self._admission.begin(task)

    def end(
        self,
        task: Task[T],
        value: T | None,
        error: BaseException | None,
        thread: _TaskThread | None = None,
    ) -> bool:
        """Take a task's outcome, and pass its place on; only for the pool's threads.

        Args:
            task: the task.
            value: what it returned.
            error: what it raised.
            thread: the one that ran it, if it was a function: it may be handed the next one.

        Returns:
            Whether the thread is to continue: not if the task was abandoned, and so the thread replaced; nor
            if the pool is being shut down.
        """
        counts = self._admission.end(task)
        continues = counts and thread is not None and self.next_for(thread)
        self._admission.admit()
        if counts:
            task.settle(value, error)
        return continues

    def _start(self, task: Task[Any]) -> None:
        if task.is_coroutine:
            (self._loop or self._start_loop()).begin(task)
            return
        try:
            self._idle.pop().hand(task)
        except IndexError:
            self._start_thread(task)

    def _start_thread(self, task: Task[Any]) -> None:
        thread = _TaskThread(self, f"{self.name}-{next(self._serial)}")
        thread.hand(task)
        with self._lock:
            try:
                thread.start()
                self._threads.add(thread)
                return
            except RuntimeError as error:
                logger.exception("%s could not start a thread; it has %d", self, len(self._threads))
                failure = error
        if self.begin(task):
            self.end(task, None, failure)

    def _start_loop(self) -> _LoopThread:
        with self._lock:
            if self._loop is None:
                self._loop = _LoopThread(self, f"{self.name}-loop")
                self._loop.start()
            return self._loop

    def _cancel(self, task: Task[Any]) -> None:
        if task.is_coroutine and self._loop is not None:
            self._loop.cancel(task)

    def _take_idle(self) -> list[_TaskThread]:
        taken: list[_TaskThread] = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._idle.pop())
        return taken

    def _join(self, deadline: float | None) -> bool:
        """Wait for the threads of tasks that were not abandoned."""
        while (thread := self._thread_to_await()) is not None:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            thread.join(remaining)
            if thread.is_alive():
                return False
        loop = self._loop
        if loop is not None and loop is not threading.current_thread():
            loop.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            return not loop.is_alive()
        return True

    def _thread_to_await(self) -> _TaskThread | None:
        me = threading.current_thread()
        with self._lock:
            return next(
                (thread for thread in self._threads if thread is not me and not thread.is_abandoned), None
            )


class _TaskThread(threading.Thread):
    """Runs functions, one after the other.

    A daemon, because a function may be stuck for ever and must not keep the process from ending.
    """

    def __init__(self, pool: TaskPool, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._pool = pool
        self._task: Task[Any] | None = None
        self._handed = threading.Lock()
        self._handed.acquire()

    @property
    def is_abandoned(self) -> bool:
        """Whether the task that it runs was abandoned."""
        task = self._task
        return task is not None and task.state is TaskState.ABANDONED

    def hand(self, task: Task[Any] | None) -> None:
        """Have it run a task next; None: have it end."""
        self._task = task
        self._handed.release()

    def run(self) -> None:
        """Run what is handed to it, until that is nothing."""
        pool = self._pool
        try:
            while True:
                self._handed.acquire()
                task = self._task
                if task is None:
                    return
                continues = (
                    pool.end(task, *task.run(), thread=self) if pool.begin(task) else pool.next_for(self)
                )
                if not continues:
                    return
        finally:
            pool.thread_ended(self, self._task)


class _LoopThread(threading.Thread):
    """Runs coroutines on an event loop. A daemon, because a coroutine may block it for ever."""

    def __init__(self, pool: TaskPool, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._pool = pool
        self._loop = asyncio.new_event_loop()
        # Tasks begin in an empty context and not in that of whoever passed a place on.
        self._context = contextvars.Context()
        self._beginning: deque[Task[Any]] = deque()
        self._is_called = False
        self._running: dict[Task[Any], asyncio.Task[tuple[Any, BaseException | None]]] = {}
        self._end: asyncio.Task[None] | None = None
        self._has_ended = False

    def begin(self, task: Task[Any]) -> None:
        """Have an admitted task begin."""
        # Before the flag is looked at, which the loop lowers before it looks here: none is missed.
        self._beginning.append(task)
        if not self._is_called:
            self._is_called = True
            self._call(self._begin_all)

    def cancel(self, task: Task[Any]) -> None:
        """Cancel a task that has begun, until it ends."""
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
                    # A task that user code started, or a callback, raised SystemExit or KeyboardInterrupt.
                    logger.exception("%s: the event loop was interrupted and continues", self.name)
        finally:
            self._loop.close()

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        # RuntimeError: it has ended.
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

    def _ended(self, task: Task[Any], running: asyncio.Task[tuple[Any, BaseException | None]]) -> None:
        del self._running[task]
        self._pool.end(task, *((None, asyncio.CancelledError()) if running.cancelled() else running.result()))

    def _cancel(self, task: Task[Any]) -> None:
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
        await self._loop.shutdown_asyncgens()
        self._has_ended = True
        self._loop.stop()
