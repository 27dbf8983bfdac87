"""What the event loop has the waiting thread of an agent do: whatever may block."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from recursor.agents.model.clock import on_loop

T = TypeVar("T")


class Errands:
    """Blocking work of one run, done by the agent's own thread while it waits for the answer.

    The books wait for the disk, and checks are anybody's code: neither may hold up the loop that all runs
    share, and the agent's thread has nothing else to do.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do errands for tasks of `loop`."""
        self._loop = loop
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def serve(self) -> None:
        """Do what comes, on the calling thread, until `close`."""
        while (errand := self._queue.get()) is not None:
            errand()

    def close(self) -> None:
        """Let `serve` return when what came until now is done."""
        self._queue.put(None)

    def leave(self, work: Callable[[], object]) -> None:
        """Have `work` done without waiting for it; it must not raise."""
        self._queue.put(lambda: _discard(work()))

    async def do(self, work: Callable[[], T], *, whole: bool = True) -> T:
        """Have `work` done, and return what it returns or raise what it raises.

        A cancellation waits for its end: half a transaction cannot be taken back. Not so where `whole` is
        false: then what becomes of it is nobody's concern.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(lambda: self._attempt(work, answer))
        cancelled: asyncio.CancelledError | None = None
        while not answer.done():
            try:
                # Its error is raised below.
                await asyncio.wait([answer])
            except asyncio.CancelledError as error:
                cancelled = error
                if not whole:
                    answer.cancel()
                    raise
        if cancelled is not None:
            answer.exception()
            raise cancelled
        return answer.result()

    def _attempt(self, work: Callable[[], T], answer: asyncio.Future[T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            # No future takes a StopIteration: it would be waited for for ever.
            problem = RuntimeError(f"it raised {error!r}") if isinstance(error, StopIteration) else error
            self._tell(answer, lambda: answer.set_exception(problem))
        else:
            self._tell(answer, lambda: answer.set_result(result))

    def _tell(self, answer: asyncio.Future[T], tell: Callable[[], None]) -> None:
        # Nobody may wait for it any more, and the loop may have ended.
        on_loop(self._loop, lambda: None if answer.done() else tell())


def _discard(_result: object) -> None:
    pass
