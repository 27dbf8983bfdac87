"""The event loop of the tests' runs: on a thread, so that a test can watch from outside."""

import asyncio
import functools
import threading
from collections import defaultdict
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from recursor.domain.agent import Run

T = TypeVar("T")

NAME = "agents-of-tests"


class CancelledRunError(Exception):
    """A run was cancelled; its text is that of the `CancelledError`."""


class AgentLoop:
    """Runs coroutines, as a pool does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._tasks: defaultdict[threading.Event, set[asyncio.Task[Any]]] = defaultdict(set)
        threading.Thread(target=self.loop.run_forever, name=NAME, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def begin(self, run: Run, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `work`, which belongs to `run`."""

        async def noted() -> T:
            task = asyncio.current_task()
            assert task is not None
            self._tasks[run.cancelled].add(task)
            try:
                return await work
            except asyncio.CancelledError as error:
                raise CancelledRunError(str(error)) from None
            finally:
                self._tasks.pop(run.cancelled, None)

        return asyncio.run_coroutine_threadsafe(noted(), self.loop)

    def stop(self, run: Run) -> None:
        """Cancel a run, as a pool does when it is abandoned."""

        def cancel() -> None:
            for task in self._tasks.get(run.cancelled, ()):
                task.cancel()

        run.cancelled.set()
        self.loop.call_soon_threadsafe(cancel)


@functools.cache
def agent_loop() -> AgentLoop:
    """Return the one that all tests of a process share."""
    return AgentLoop()


def stop(run: Run) -> None:
    """Cancel a run."""
    agent_loop().stop(run)
