"""Asks the orchestrator from a coroutine, without a waiting thread."""

import asyncio
import contextlib
from typing import Any, Protocol

from pykka import ActorRef

from recursor.runtime.future import DispatchedFuture

# A command is one commit; a disk that is slower than this needs a person.
ANSWER_SECONDS = 30.0


class OrchestratorClient(Protocol):
    """The orchestrator, in this process or another one."""

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """Ask the orchestrator and return its answer.

        Args:
            message: one of `recursor.actors.messages`.
            seconds: the most seconds to wait.

        Raises:
            TimeoutError: no answer arrived in time.
            pykka.ActorDeadError: the orchestrator has stopped.
            Exception: the orchestrator's error.
        """
        ...


class ActorClient:
    """An orchestrator in this process."""

    def __init__(self, orchestrator: ActorRef[Any]) -> None:
        """Ask `orchestrator`, or any other `DispatchedActor`."""
        self._orchestrator = orchestrator

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """See `OrchestratorClient.ask`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def pass_on(done: DispatchedFuture[Any]) -> None:
            # RuntimeError: the loop is closed, and nobody waits any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, answer, done)

        future = self._orchestrator.ask(message, block=False)
        assert isinstance(future, DispatchedFuture)
        future.add_done_callback(pass_on)
        return await asyncio.wait_for(answer, seconds)


def _settle(answer: asyncio.Future[Any], done: DispatchedFuture[Any]) -> None:
    if answer.done():
        return
    error = done.exception()
    if error is None:
        answer.set_result(done.get())
    else:
        answer.set_exception(error)
