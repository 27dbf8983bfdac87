"""Answers the web process for an orchestrator, and sends it events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pykka import ActorRef

from recursor.agents.hosts.errors import portable
from recursor.domain.events import Event
from recursor.runner.event_relay import EventRelay
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.link import Link, Request, Response

# Events in one message.
_BATCH = 1_000

# Bytes that may wait to be read. Only a stalled process lets so many wait: when it continues, it is told how
# many events it missed.
_MOST_UNSENT = 16 * 1024 * 1024

# Requests that may wait for their responses.
_MOST_REQUESTS = 1_000


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events, in order."""

    events: tuple[Event, ...]
    missed: int
    """The number of missed events."""


class OrchestratorServer:
    """Serves one process on the event loop of the link to it; it waits only for this process."""

    def __init__(self, orchestrator: ActorRef[Any], events: EventRelay, link: Link) -> None:
        """Start answering.

        Args:
            orchestrator: answers the requests.
            events: collects the events.
            link: the link to the process.
        """
        self._orchestrator = orchestrator
        self._events = events
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(_MOST_REQUESTS)
        self._sender = _EventSender(link)
        events.add(self._sender.take)
        # From here on the process misses nothing.
        link.send(EventBatch((), 0))

    async def take(self, request: Request) -> None:
        """Pass a request on, and its response back; wait first if too many are open.

        Raises:
            EOFError: the process is gone.
        """
        await self._slots.acquire()
        try:
            future = self._orchestrator.ask(request.content, block=False)
        except Exception as error:  # noqa: BLE001  # it is raised in the asking process
            self._send(Response(request.id, None, portable(error)))
        else:
            assert isinstance(future, DispatchedFuture)
            future.add_done_callback(lambda done: _call(self._loop, self._answer, request.id, done))
        # A stalled process, as in a debugger, may continue.
        await self._link.drain()

    def end(self) -> None:
        """Stop sending to the process."""
        self._events.remove(self._sender.take)
        self._sender.close()

    def _answer(self, id: int, done: DispatchedFuture[Any]) -> None:
        error = done.exception()
        value, error = (done.get(), None) if error is None else (None, portable(error))
        self._send(Response(id, value, error))

    def _send(self, response: Response) -> None:
        self._slots.release()
        try:
            self._link.send(response)
        except Exception as error:  # noqa: BLE001  # it is raised in the asking process
            self._link.send(Response(response.id, None, portable(error)))


class _EventSender:
    """Sends a relay's events to one process, and the number that it missed while stalled."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._missed = 0
        self._waiting: asyncio.Task[None] | None = None

    def take(self, events: tuple[Event, ...], missed: int) -> None:
        """Take a batch; on the relay's thread."""
        _call(self._loop, self._send, events, missed)

    def close(self) -> None:
        """Stop sending."""
        if self._waiting is not None:
            self._waiting.cancel()

    def _send(self, events: tuple[Event, ...], missed: int) -> None:
        self._missed += missed
        for start in range(0, len(events) or bool(self._missed), _BATCH):
            if self._waiting is None and self._link.unsent > _MOST_UNSENT:
                self._waiting = asyncio.create_task(self._wait())
            if self._waiting is not None:
                self._missed += len(events) - start
                return
            batch, missed, self._missed = events[start : start + _BATCH], self._missed, 0
            self._link.send(EventBatch(batch, missed))

    async def _wait(self) -> None:
        with suppress(EOFError):
            await self._link.drain()
            self._waiting = None
            self._send((), 0)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    """Call a function on a loop's thread, unless the loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
