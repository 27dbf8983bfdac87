"""Answers the process that serves the API for an orchestrator.

One thread does all of it and waits for nobody: a process that stands still holds up its own answers alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.domain.errors import RecursorError
from recursor.domain.events import Event
from recursor.runner.event_relay import EventRelay
from recursor.runner.frames import (
    HEADER_BYTES,
    LARGEST_QUESTION,
    Frame,
    FrameError,
    Kind,
    OtherReleaseError,
    check_greeting,
    greeting,
    pack,
    pack_answer,
    pack_error,
    unpack_header,
)
from recursor.runtime.future import DispatchedFuture

# Events in one frame.
_BATCH = 1_000

# Bytes that may wait to be read. Only a process that stands still lets so many wait: when it goes on, it is
# told how many events it missed.
_MOST_UNSENT = 16 * 1024 * 1024

# Questions that wait for their answers.
_MOST_QUESTIONS = 1_000

# Seconds that the process may take to say who it is.
_GREETING_SECONDS = 5.0

# Seconds in which the last frames are read, or are not.
_FAREWELL_SECONDS = 1.0


class Channel:
    """The runner's end of all channels, from `start` to `close`."""

    def __init__(self, orchestrator: ActorRef[Any], events: EventRelay) -> None:
        """Answer with what `orchestrator` answers, and pass on what `events` gathers."""
        self._orchestrator = orchestrator
        self._events = events
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recursor-channel", daemon=True)
        self._conversations: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def attach(
        self, connection: socket.socket, assignment: object, on_serving: Callable[[], object] = lambda: None
    ) -> WebLink:
        """Answer a process that serves, and tell it what happens.

        Args:
            connection: joins the two.
            assignment: what it is told first of all.
            on_serving: called, on the channel's thread, when it serves.
        """
        link = WebLink(self._loop, on_serving)

        async def begin() -> None:
            reader, writer = await asyncio.open_unix_connection(sock=connection)
            link.task = self._spawn(self._answer_web(link, _Conversation(self, reader, writer), assignment))

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result()
        return link

    def close(self) -> None:
        """Hang up, once the answers that there are have been read. Closing twice is fine."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(self, message: object) -> DispatchedFuture[Any]:
        """Ask the orchestrator.

        Raises:
            ActorDeadError: it has stopped.
        """
        future = self._orchestrator.ask(message, block=False)
        assert isinstance(future, DispatchedFuture)
        return future

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called on the channel's thread, unless that has ended. For any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    async def _end(self) -> None:
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _spawn(self, conversation: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(conversation)
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)
        return task

    async def _answer_web(self, link: WebLink, conversation: _Conversation, assignment: object) -> None:
        events = _EventSender(self, conversation)
        try:
            await conversation.greet("the web process")
            # From when it begins it misses nothing.
            self._events.add(events.take)
            conversation.send(pack(Kind.ASSIGNMENT, pickle.dumps(assignment)))
            while True:
                frame = await conversation.receive()
                if not link.heed(frame):
                    await conversation.take(frame)
                # One that stands still, as in a debugger, may go on.
                await conversation.flush()
        except OtherReleaseError as error:
            link.failure = f"{error}: end the runner and start another"
        except (OSError, EOFError, TimeoutError, RecursorError, ActorDeadError):
            # It is gone, or all ends.
            pass
        finally:
            self._events.remove(events.take)
            events.close()
            conversation.send(pack(Kind.GOODBYE))
            link.heard.set()
            await conversation.hang_up()


class WebLink:
    """What the keeper of a process that serves knows of it; any thread may look."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_serving: Callable[[], object]) -> None:
        self._loop = loop
        self._on_serving = on_serving
        self.serving = False
        """Whether the process has said that it serves."""
        self.failure: str | None = None
        """Why it cannot serve any more, if it said so."""
        self.heard = threading.Event()
        """Set when all that the process said has been read, once it has ended."""
        self.task: asyncio.Task[None] | None = None

    def heed(self, frame: Frame) -> bool:
        """Note what the process says of itself; False if it says something else."""
        if frame.kind == Kind.TROUBLE:
            self.failure = frame.body.decode(errors="replace")
        elif frame.kind == Kind.SERVING:
            self.serving = True
            self._on_serving()
        return frame.kind in (Kind.TROUBLE, Kind.SERVING)

    def close(self) -> None:
        """Say goodbye. Closing twice is fine; any thread may."""
        if self.task is not None:
            # RuntimeError: the channel is closed.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.task.cancel)


class _Conversation:
    """One connection, on the channel's thread."""

    def __init__(self, channel: Channel, reader: StreamReader, writer: StreamWriter) -> None:
        self._channel = channel
        self._reader = reader
        self._writer = writer
        self._places = asyncio.Semaphore(_MOST_QUESTIONS)

    async def greet(self, who: str) -> None:
        """Exchange greetings.

        Raises:
            OtherReleaseError: the other end, `who`, is of another version; it has been told of ours.
        """
        self.send(greeting())
        async with asyncio.timeout(_GREETING_SECONDS):
            frame = await self.receive()
        check_greeting(frame, who)

    async def receive(self) -> Frame:
        """Return the next frame.

        Raises:
            EOFError, OSError: the other end is gone.
            FrameError: it is too large.
        """
        header = await self._reader.readexactly(HEADER_BYTES)
        kind, number, length = unpack_header(header, LARGEST_QUESTION)
        return Frame(kind, number, await self._reader.readexactly(length))

    async def take(self, frame: Frame) -> None:
        """Pass a question on, and its answer back when it comes; wait first if too many are open.

        Raises:
            FrameError: it is none.
        """
        if frame.kind != Kind.QUESTION:
            raise FrameError(f"a frame of kind {frame.kind} is no question")
        await self._places.acquire()
        try:
            future = self._channel.ask(pickle.loads(frame.body))
        except Exception as error:  # noqa: BLE001  # whatever it is, the asker is to be told
            self._places.release()
            self.send(pack_error(frame.number, error))
        else:
            future.add_done_callback(lambda done: self._channel.call(self._answer, frame.number, done))

    def send(self, frame: bytes) -> None:
        """Have a packed frame sent, unless the other end is gone."""
        if not self._writer.is_closing():
            self._writer.write(frame)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the other end to read."""
        return self._writer.transport.get_write_buffer_size()

    async def flush(self) -> None:
        """Wait until the other end has read so much that more may be sent."""
        await self._writer.drain()

    async def hang_up(self) -> None:
        """Close the connection, when the other end has read what waits for it, or soon."""
        self._writer.close()
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    def _answer(self, number: int, done: DispatchedFuture[Any]) -> None:
        self._places.release()
        error = done.exception()
        self.send(pack_answer(number, done.get()) if error is None else pack_error(number, error))


class _EventSender:
    """Sends the events of a relay to one process, and how many it missed while it stood still."""

    def __init__(self, channel: Channel, conversation: _Conversation) -> None:
        self._channel = channel
        self._conversation = conversation
        self._missed = 0
        self._waiting: asyncio.Task[None] | None = None

    def take(self, events: tuple[Event, ...], missed: int) -> None:
        """Take a batch over; on the relay's thread."""
        self._channel.call(self._send, events, missed)

    def close(self) -> None:
        """Send no more."""
        if self._waiting is not None:
            self._waiting.cancel()

    def _send(self, events: tuple[Event, ...], missed: int) -> None:
        self._missed += missed
        for start in range(0, len(events) or bool(self._missed), _BATCH):
            if self._waiting is None and self._conversation.unsent > _MOST_UNSENT:
                self._waiting = asyncio.create_task(self._wait())
            if self._waiting is not None:
                self._missed += len(events) - start
                return
            batch, missed, self._missed = events[start : start + _BATCH], self._missed, 0
            self._conversation.send(pack(Kind.EVENTS, pickle.dumps((batch, missed))))

    async def _wait(self) -> None:
        with contextlib.suppress(OSError):
            await self._conversation.flush()
            self._waiting = None
            self._send((), 0)
