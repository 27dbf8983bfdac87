"""Asks an actor from a coroutine, without a thread that waits."""

import asyncio
import contextlib
from typing import Any

from pykka import ActorRef

from recursor.actors.future import DispatchedFuture

# A command is one commit; a disk that needs longer than this for it needs a person.
ANSWER_SECONDS = 30.0


async def ask(actor: ActorRef[Any], message: object, seconds: float = ANSWER_SECONDS) -> Any:
    """Ask `actor` and return its answer.

    Args:
        actor: a `DispatchedActor`.
        message: what to ask.
        seconds: how long to wait at most.

    Raises:
        TimeoutError: there was no answer in time.
        pykka.ActorDeadError: the actor has stopped.
        Exception: what the actor answered with.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def pass_on(done: DispatchedFuture[Any]) -> None:
        # RuntimeError: the loop has been closed, and nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, answer, done)

    future = actor.ask(message, block=False)
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
