"""A limited number of tasks at a time, the most urgent first: functions on threads, coroutines on a loop."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

from recursor.runtime.admission import Admission
from recursor.runtime.interfaces import Load
from recursor.runtime.task import PoolTask, TaskAbandonedError, TaskState
from recursor.runtime.task_threads import LoopThread, TaskThread
from recursor.runtime.worker import blocking

__all__ = ["PoolTask", "TaskAbandonedError", "TaskPool"]

T = TypeVar("T")

logger = logging.getLogger("recursor.runtime")

# Seconds between checks of `shutdown` whether the function it waits for was abandoned meanwhile.
LOOK_AGAIN = 0.02


class TaskPool:
    """Runs tasks, at most `limit` at a time, the most urgent first, and those of equal priority in order.

    Functions run on threads, which are started on demand and wait without using the CPU. Coroutines run on
    one event loop, on a thread that starts with the first of them. All methods may be called from any thread,
    and from callbacks of futures.

    The thread that ran a task calls the callbacks of its future, after passing its slot on.

    Args:
        limit: the most tasks that run at a time.
        name: prefix of the threads' names.

    Raises:
        ValueError: `limit` is less than 1.
    """

    def __init__(self, limit: int, name: str) -> None:
        self.limit = limit
        self.name = name
        self._admission = Admission(limit, self._start, self._cancel)
        # For threads that start, wait or end.
        self._lock = threading.RLock()
        self._threads: set[TaskThread] = set()
        self._idle: list[TaskThread] = []
        # Functions that have a slot but no thread yet.
        self._pending: deque[PoolTask[Any]] = deque()
        # Threads about to look for a function. While there are any, no other thread is woken: a thread that
        # takes a function and leaves others behind wakes the next one. Waking a thread for each short
        # function would be wasted, because the interpreter runs one thread at a time, and that thread handles
        # many of them.
        self._looking: set[TaskThread] = set()
        self._serial = count(1)
        self._loop: LoopThread | None = None
        self._hooks: list[Callable[[], Awaitable[object]]] = []
        self._closing = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.limit} slots>"

    def submit(self, work: Callable[[PoolTask[T]], T], *, priority: int, client: str = "") -> PoolTask[T]:
        """Call a function on a thread, where it may block.

        Args:
            work: called with its task.
            priority: from 0 to 10, higher is sooner.
            client: for whom; see `clients`.

        Returns:
            The task. If the pool was shut down, it is already abandoned.

        Raises:
            ValueError: the priority is not within 0 to 10.
        """
        return self._admission.add(
            PoolTask(self._admission, work, priority, is_coroutine=False, client=client)
        )

    def submit_coroutine(
        self, work: Callable[[PoolTask[T]], Coroutine[Any, Any, T]], *, priority: int, client: str = ""
    ) -> PoolTask[T]:
        """Run a coroutine on the pool's event loop, which it must not block.

        Args:
            work: called with its task, on the loop, to make the coroutine.
            priority: from 0 to 10, higher is sooner.
            client: for whom; see `clients`.

        Returns:
            The task. If the pool was shut down, it is already abandoned.

        Raises:
            ValueError: the priority is not within 0 to 10.
        """
        return self._admission.add(
            PoolTask(self._admission, work, priority, is_coroutine=True, client=client)
        )

    def clients(self) -> frozenset[str]:
        """Return for whom tasks run: those that have been given a slot and have not ended."""
        return self._admission.clients()

    def hold(self) -> None:
        """Let no task begin, and none that stepped aside continue, until `release` is called as often."""
        self._admission.hold()

    def release(self) -> None:
        """Undo one `hold`."""
        self._admission.release()

    def call_at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """Call a function, and await it on the event loop, after all tasks when the pool is shut down.

        The last one added is called first. Its exceptions are logged.

        Args:
            close: closes resources that tasks share, such as connections.
        """
        self._hooks.append(close)

    @property
    def load(self) -> Load:
        """How many tasks wait and run, and how many were abandoned but have not ended yet."""
        return self._admission.load

    def shutdown(self, timeout: float | None = None) -> bool:
        """Start no more tasks, abandon all coroutines, and wait for the functions that have begun.

        Tasks that have not begun are abandoned. When the coroutines have ended, the hooks are called and the
        loop ends. Called on one of the pool's own threads, this waits only for the others.

        Args:
            timeout: seconds to wait at most, after which functions that still run are abandoned; None for no
                limit.

        Returns:
            Whether all threads have ended, not counting those of tasks abandoned earlier.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            self._closing = True
            while self._idle:
                thread = self._idle.pop()
                thread.superfluous = True
                thread.wake()
        for task in self._admission.close():
            if task.is_coroutine:
                task.abandon()
        if self._hooks and self._loop is None:
            self._start_loop()
        if self._loop is not None:
            self._loop.close(self._hooks, deadline)
        if self._join(deadline):
            return True
        for task in self._admission.close():
            task.abandon()
        return False

    def next_for(self, thread: TaskThread) -> PoolTask[Any] | None:
        """Return the next admitted function; only for the pool's threads.

        Returns:
            The task; None if the thread should wait, or end if it is superfluous.
        """
        with self._lock:
            self._looking.discard(thread)
            if not self._pending:
                if self._closing:
                    thread.superfluous = True
                else:
                    self._idle.append(thread)
                return None
            task = self._pending.popleft()
            if self._pending:
                self._wake_one()
            return task

    def thread_ended(self, thread: TaskThread, task: PoolTask[Any] | None) -> None:
        """Account for a thread that ends, and for its task if the thread was killed."""
        with self._lock:
            self._threads.discard(thread)
            self._looking.discard(thread)
            if thread in self._idle:
                self._idle.remove(thread)
            if task is not None and task.state is TaskState.ADMITTED:
                self._pending.appendleft(task)
            if self._pending:
                self._wake_one()
        if task is not None and task.state in {TaskState.RUNNING, TaskState.ABANDONED}:
            self.end(task, None, RuntimeError(f"thread {thread.name} was killed"))

    def begin(self, task: PoolTask[Any]) -> bool:
        """Note that a task begins; only for the pool's threads. Returns whether it may."""
        return self._admission.begin(task)

    def end(
        self,
        task: PoolTask[T],
        value: T | None,
        error: BaseException | None,
        thread: TaskThread | None = None,
    ) -> PoolTask[Any] | None:
        """Take a task's outcome and pass its slot on; only for the pool's threads.

        Args:
            task: the task.
            value: its return value.
            error: its exception, if it raised one.
            thread: the thread that ran it, if it was a function.

        Returns:
            The next function for that thread, like `next_for`. The thread is superfluous if its task was
            abandoned: it has been replaced.
        """
        following: PoolTask[Any] | None = None
        if thread is None:
            counts = self._admission.end(task)
        else:
            with self._lock:
                self._looking.add(thread)
            counts = self._admission.end(task)
            if counts:
                following = self.next_for(thread)
            else:
                self._retire(thread)
        if counts:
            task.settle(value, error)
        return following

    def _retire(self, thread: TaskThread) -> None:
        thread.superfluous = True
        with self._lock:
            self._looking.discard(thread)
            if self._pending:
                self._wake_one()

    def _start(self, task: PoolTask[Any]) -> None:
        if task.is_coroutine:
            (self._loop or self._start_loop()).begin(task)
            return
        with self._lock:
            self._pending.append(task)
            failure = self._wake_one()
            if failure is not None:
                self._pending.remove(task)
        if failure is not None and self.begin(task):
            self.end(task, None, failure)

    def _wake_one(self) -> RuntimeError | None:
        """Have a thread look for a function, unless one is about to; called with the lock held.

        Returns:
            The error, if a needed thread could not be started.
        """
        if self._looking:
            return None
        if self._idle:
            thread = self._idle.pop()
        elif sum(not thread.is_abandoned for thread in self._threads) < self.limit:
            thread = TaskThread(self, f"{self.name}-{next(self._serial)}")
            try:
                thread.start()
            except RuntimeError as error:
                logger.exception("%s could not start a thread; it has %d", self, len(self._threads))
                return error
            self._threads.add(thread)
        else:
            # Running threads look for a function when they have ended theirs, or notice that it was
            # abandoned.
            return None
        self._looking.add(thread)
        thread.wake()
        return None

    def _start_loop(self) -> LoopThread:
        with self._lock:
            if self._loop is None:
                self._loop = LoopThread(self, f"{self.name}-loop")
                self._loop.start()
            return self._loop

    def _cancel(self, task: PoolTask[Any]) -> None:
        if task.is_coroutine and self._loop is not None:
            self._loop.cancel(task)

    def _join(self, deadline: float | None) -> bool:
        """Wait for the threads of tasks that were not abandoned."""
        while (thread := self._thread_to_await()) is not None:
            remaining = LOOK_AGAIN if deadline is None else max(0.0, deadline - time.monotonic())
            with blocking():
                thread.join(min(remaining, LOOK_AGAIN))
            if thread.is_alive() and not remaining:
                return False
        loop = self._loop
        if loop is not None and loop is not threading.current_thread():
            # A coroutine that ends may need the actors of this very thread.
            with blocking():
                loop.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            return not loop.is_alive()
        return True

    def _thread_to_await(self) -> TaskThread | None:
        me = threading.current_thread()
        with self._lock:
            return next(
                (thread for thread in self._threads if thread is not me and not thread.is_abandoned), None
            )
