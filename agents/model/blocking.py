"""Functions that may block, called for coroutines on threads of their own."""

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

    The threads are daemons, and a function that its caller no longer waits for does not count: code that is
    stuck keeps neither others nor the end of the process waiting.
    """

    def __init__(self, limit: int, name: str) -> None:
        """Name the threads `name`."""
        self._places = asyncio.Semaphore(limit)
        self._name = name
        self._idle: list[_Thread] = []
        self._closed = False

    async def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, or raise what it raises.

        If the caller is cancelled, the function runs on and its outcome is dropped.
        """
        async with self._places:
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
        """Have the threads end, each when it is idle."""
        self._closed = True
        for thread in self._idle:
            thread.jobs.put(None)
        self._idle.clear()


_Job = tuple[contextvars.Context, Callable[[], Any], "asyncio.Future[Any]"]


class _Thread(threading.Thread):
    """Calls functions one after the other, until it is given None."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            context, function, outcome = job
            try:
                result = context.run(function)
            except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
                # No future takes a StopIteration.
                raised = RuntimeError(f"it raised {error!r}") if isinstance(error, StopIteration) else error
                _tell(outcome, outcome.set_exception, raised)
            else:
                _tell(outcome, outcome.set_result, result)
            # Nothing of a job is kept while there is none.
            del job, context, function, outcome


def _tell(outcome: "asyncio.Future[Any]", tell: Callable[[Any], None], value: Any) -> None:
    on_loop(outcome.get_loop(), lambda: None if outcome.done() else tell(value))
