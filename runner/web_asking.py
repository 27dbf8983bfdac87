"""Asks the runner from the process that serves, and hears there what happens; an `OrchestratorClient`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import pickle
from collections.abc import Callable
from typing import Any

from pykka import ActorDeadError

from recursor.domain.events import Event
from recursor.runner.frames import (
    DisconnectedError,
    FrameError,
    FrameSocket,
    Kind,
    check_greeting,
    pack,
    settled,
)
from recursor.web.orchestrator_client import ANSWER_SECONDS


class WebAsking:
    """The end of the channel in the process that serves. Any event loop may ask; one thread calls `run`."""

    def __init__(self, frames: FrameSocket) -> None:
        """Ask through `frames`, on which both ends have greeted."""
        self._frames = frames
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]]] = {}
        self._gone = False

    def say_serving(self) -> None:
        """Tell the runner that this process serves."""
        with contextlib.suppress(DisconnectedError):
            self._frames.send(pack(Kind.SERVING))

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """See `OrchestratorClient.ask`."""
        loop = asyncio.get_running_loop()
        number, answer = next(self._numbers), loop.create_future()
        self._waiting[number] = (loop, answer)
        try:
            if self._gone:
                raise ActorDeadError("the process that runs the stacks is gone")
            try:
                self._frames.send(pack(Kind.QUESTION, pickle.dumps(message), number))
            except DisconnectedError as error:
                raise ActorDeadError("the process that runs the stacks is gone") from error
            return await asyncio.wait_for(answer, seconds)
        finally:
            self._waiting.pop(number, None)

    def run(self, told: Callable[[tuple[Event, ...], int], object]) -> bool:
        """Receive until the runner is gone.

        Args:
            told: called with events, and with how many were not told.

        Returns:
            whether it said goodbye; else it was killed.
        """
        goodbye = False
        with contextlib.suppress(DisconnectedError, FrameError):
            while not goodbye:
                frame = self._frames.receive()
                match frame.kind:
                    case Kind.ANSWER | Kind.ERROR:
                        self._settle(frame.number, *settled(frame))
                    case Kind.EVENTS:
                        told(*pickle.loads(frame.body))
                    case Kind.GOODBYE:
                        goodbye = True
        self._gone = True
        for number in list(self._waiting):
            self._settle(number, None, ActorDeadError("the runner is ending"))
        return goodbye

    def _settle(self, number: int, value: object, error: Exception | None) -> None:
        loop, future = self._waiting.get(number, (None, None))
        # RuntimeError: the loop has been closed, and nobody waits any more.
        with contextlib.suppress(RuntimeError):
            if loop is not None and future is not None:
                loop.call_soon_threadsafe(_resolve, future, value, error)


def assignment(frames: FrameSocket) -> Any:
    """Return what the runner gives this process to do, which has greeted it; None if it is gone.

    Raises:
        OtherReleaseError: it is of another version.
    """
    try:
        check_greeting(frames.receive(), "the runner")
        return pickle.loads(frames.receive().body)
    except DisconnectedError:
        return None


def _resolve(future: asyncio.Future[Any], value: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
