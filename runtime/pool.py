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

from recursor.runtime.interfaces import Load
from recursor.runtime.places import Admission, Places
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
        # Re-entrant: a finalizer may call in the middle of anything. No code of others runs while it is held.
        self._lock = threading.RLock()
        self._places = Places(limit)
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
        return self._add(Task(self, work, priority, is_coroutine=False))

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
        return self._add(Task(self, work, priority, is_coroutine=True))

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
        with self._lock:
            places = self._places
            return Load(places.queued, places.taken, places.abandoned)

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
        with self._lock:
            first, self._closing = not self._closing, True
            unbegun = self._places.clear()
            coroutines = [task for task in self._places.present if task.is_coroutine]
            while self._idle:
                self._idle.pop().hand(None)
            if first and self._hooks and self._loop is None:
                self._start_loop()
            loop = self._loop
        for task in unbegun:
            task.settle_as_abandoned(f"pool {self.name} was shut down before the task began")
        for task in coroutines:
            self.abandon(task)
        if loop is not None:
            loop.close(self._hooks, deadline)
        ended = self._join(deadline)
        if not ended:
            with self._lock:
                stuck = list(self._places.present)
            for task in stuck:
                self.abandon(task)
        return ended

    def _add(self, task: Task[T]) -> Task[T]:
        with self._lock:
            refused = self._closing
            if not refused:
                self._places.add(task)
            admission = self._places.admit()
        self._start(admission)
        if refused:
            task.settle_as_abandoned(f"pool {self.name} was shut down")
        return task

    def take_back(self, task: Task[Any]) -> bool:
        """See `Task.take_back`."""
        with self._lock:
            if not self._places.take_back(task):
                return False
            admission = self._places.admit()
        self._start(admission)
        task.settle_as_abandoned("the task was taken back before it began")
        return True

    def abandon(self, task: Task[Any]) -> None:
        """See `Task.abandon`."""
        with self._lock:
            if not self._places.abandon(task):
                return
            admission = self._places.admit()
        self._start(admission)
        if task.is_coroutine and self._loop is not None and task.state is TaskState.ABANDONED:
            self._loop.cancel(task)
        task.settle_as_abandoned("the task was abandoned")

    def leave(self, task: Task[Any]) -> None:
        """See `Task.aside`; only for the task."""
        with self._lock:
            self._places.leave(task)
            admission = self._places.admit()
        self._start(admission)

    async def come_back(self, task: Task[Any]) -> None:
        """See `Task.aside`; only for the task."""
        with self._lock:
            returned = self._places.come_back(task)
            admission = self._places.admit()
        self._start(admission)
        if returned is not None:
            await returned

    def begin(self, task: Task[Any]) -> bool:
        """Note that an admission task begins; only for the pool's threads.

        Returns:
            Whether it may: not if it was given up meanwhile.
        """
        with self._lock:
            return self._places.begin(task)

    def end(self, task: Task[T], value: T | None, error: BaseException | None) -> None:
        """Take the outcome of a task, and pass its place on; only for the pool's threads."""
        with self._lock:
            counts = self._places.end(task)
            admission = self._places.admit()
        self._start(admission)
        if counts:
            task.settle(value, error)

    def end_function(
        self, thread: _TaskThread, task: Task[T], value: T | None, error: BaseException | None
    ) -> bool:
        """Do as `end`, and hand the thread that ran a function the next one; only for that thread.

        Returns:
            Whether the thread is to continue: not if another has replaced it, because the task was abandoned.
        """
        with self._lock:
            counts = self._places.end(task)
            admission = self._places.admit()
            if counts:
                self._next_for(thread, admission)
        self._start(admission)
        if counts:
            task.settle(value, error)
        return counts

    def skip_function(self, thread: _TaskThread) -> None:
        """Find other work for a thread whose task was given up before it began; only for that thread."""
        with self._lock:
            admission = self._places.admit()
            self._next_for(thread, admission)
        self._start(admission)

    def thread_ended(self, thread: _TaskThread, task: Task[Any] | None) -> None:
        """Account for a thread that ends, and for the task that it had, if it was killed."""
        with self._lock:
            self._threads.discard(thread)
            with contextlib.suppress(ValueError):
                self._idle.remove(thread)
            state = None if task is None else task.state
        if task is None:
            return
        if state is TaskState.ADMITTED:
            self._start_function(task)
        elif state in {TaskState.RUNNING, TaskState.ABANDONED}:
            self.end(task, None, RuntimeError(f"thread {thread.name} was killed"))

    def _next_for(self, thread: _TaskThread, admission: Admission) -> None:
        """Hand a thread one of the functions, or let it wait for one; with the lock held."""
        function = next((task for task in admission.begin if not task.is_coroutine), None)
        if function is not None:
            admission.begin.remove(function)
        if function is not None or self._closing:
            thread.hand(function)
        else:
            self._idle.append(thread)

    def _start(self, admission: Admission) -> None:
        """Have tasks begin and continue; without the lock."""
        for resume in admission.resume:
            resume.set()
        for task in admission.begin:
            if task.is_coroutine:
                self._start_coroutine(task)
            else:
                self._start_function(task)

    def _start_function(self, task: Task[Any]) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().hand(task)
                return
            thread = _TaskThread(self, f"{self.name}-{next(self._serial)}")
            thread.hand(task)
            try:
                thread.start()
                self._threads.add(thread)
                return
            except RuntimeError as error:
                logger.exception("%s could not start a thread; it has %d", self, len(self._threads))
                failure = error
                begun = self._places.begin(task)
        if begun:
            self.end(task, None, failure)

    def _start_coroutine(self, task: Task[Any]) -> None:
        (self._loop or self._start_loop()).begin(task)

    def _start_loop(self) -> _LoopThread:
        with self._lock:
            if self._loop is None:
                self._loop = _LoopThread(self, f"{self.name}-loop")
                self._loop.start()
            return self._loop

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
                if not pool.begin(task):
                    pool.skip_function(self)
                elif not pool.end_function(self, task, *task.run()):
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
