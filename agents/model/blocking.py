"""Calls functions that may block on threads, for coroutines."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from recursor.agents.model.timing import on_loop

T = TypeVar("T")


class BlockingCalls:
    """Calls functions on threads, at most `limit` at a time; belongs to one event loop.

    The threads are daemons, and a function whose caller no longer waits does not count: stuck code delays
    neither other calls nor the end of the process.
    """

    def __init__(self, limit: int, name: str) -> None:
        """Name the threads `name`."""
        self._slots = asyncio.Semaphore(limit)
        self._name = name
        self._idle: list[_Thread] = []
        self._closed = False

    async def call(self, function: Callable[[], T]) -> T:
        """Return the result of `function`, or raise its error.

        If the caller is cancelled, the function continues and its result is dropped.
        """
        async with self._slots:
            outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            if not self._idle:
                self._idle.append(_Thread(self._name))
            thread = self._idle.pop()
            # In the caller's context, as a coroutine would be.
            thread.jobs.put((contextvars.copy_context(), function, outcome))
            try:
                return await outcome
            finally:
                if self._closed or outcome.cancelled():
                    thread.jobs.put(None)
                else:
                    self._idle.append(thread)

    def close(self) -> None:
        """End the threads, each when it is idle."""
        self._closed = True
        for thread in self._idle:
            thread.jobs.put(None)
        self._idle.clear()


_Job = tuple[contextvars.Context, Callable[[], Any], "asyncio.Future[Any]"]


class _Thread(threading.Thread):
    """Calls functions one after another until it gets None."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            context, function, outcome = job
            try:
                result = context.run(function)
            except BaseException as error:  # noqa: BLE001  # it is raised in the caller
                # A future cannot hold a StopIteration.
                raised = RuntimeError(f"it raised {error!r}") if isinstance(error, StopIteration) else error
                _tell(outcome, outcome.set_exception, raised)
            else:
                _tell(outcome, outcome.set_result, result)
            # Keep nothing of a finished job while idle.
            del job, context, function, outcome


def _tell(outcome: "asyncio.Future[Any]", tell: Callable[[Any], None], value: Any) -> None:
    on_loop(outcome.get_loop(), lambda: None if outcome.done() else tell(value))
