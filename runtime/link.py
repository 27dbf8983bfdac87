"""A link between two processes: pickled messages over a socket, and requests with their responses."""

import asyncio
import itertools
import pickle
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

# Length of a message's length prefix, in bytes.
_HEADER_BYTES = 8

# In bytes. The longest messages are answers with all records of a stack.
LARGEST_MESSAGE = 256 * 1024 * 1024


class Link:
    """One end of a link, for the event loop that created it. Both ends must run the same version of the
    program."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use streams; see `over`."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connected: socket.socket) -> Self:
        """Return an end that uses a connected Unix socket, and closes it."""
        return cls(*await asyncio.open_unix_connection(sock=connected))

    def send(self, message: object) -> None:
        """Send a message, unless the other end is gone. Unread messages are buffered: see `drain`.

        Raises:
            ValueError: the message has more than `LARGEST_MESSAGE` bytes.
            Exception: it cannot be pickled.
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        if len(data) > LARGEST_MESSAGE:
            raise ValueError(f"a message of {len(data)} bytes is larger than {LARGEST_MESSAGE}")
        if not self._writer.is_closing():
            self._writer.writelines([len(data).to_bytes(_HEADER_BYTES), data])

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: the other end is gone, or this one is closed.
        """
        try:
            header = await self._reader.readexactly(_HEADER_BYTES)
            data = await self._reader.readexactly(int.from_bytes(header))
        except (asyncio.IncompleteReadError, OSError):
            raise EOFError("the other process is gone") from None
        return pickle.loads(data)

    @property
    def unsent(self) -> int:
        """Bytes that the other end has not read yet."""
        return self._writer.transport.get_write_buffer_size()

    async def drain(self) -> None:
        """Wait until the other end has read enough for more to be sent.

        Raises:
            EOFError: the other end is gone, or this one is closed.
        """
        try:
            await self._writer.drain()
        except OSError:
            raise EOFError("the other process is gone") from None

    def close(self) -> None:
        """Close it: sent messages are still delivered, none are received. Closing twice is fine."""
        self._writer.close()

    async def wait_closed(self) -> None:
        """Wait, after closing, until all sent messages are delivered or the other end is gone."""
        with suppress(OSError):
            await self._writer.wait_closed()


@dataclass(frozen=True, slots=True)
class Request:
    """A request from one end to the other."""

    id: int
    content: Any


@dataclass(frozen=True, slots=True)
class Response:
    """The result or exception that answers a request."""

    id: int
    value: Any
    error: BaseException | None = None


class Requests:
    """The open requests to the other end; for the link's event loop."""

    def __init__(self, send: Callable[[object], None]) -> None:
        """Send requests with `send`."""
        self._send = send
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def ask(self, content: object) -> tuple[int, asyncio.Future[Any]]:
        """Ask; returns the id of the request, and the future of its result.

        Raises:
            Exception: see `Link.send`.
        """
        id, answer = next(self._ids), asyncio.get_running_loop().create_future()
        self._send(Request(id, content))
        self._waiting[id] = answer
        answer.add_done_callback(lambda _: self._waiting.pop(id))
        return id, answer

    def answered(self, response: Response) -> None:
        """Deliver a response, if its request is still open."""
        waiting = self._waiting.get(response.id)
        if waiting is None or waiting.done():
            return
        if response.error is None:
            waiting.set_result(response.value)
        else:
            waiting.set_exception(response.error)

    def fail(self, error: Exception) -> None:
        """Fail all open requests with an error."""
        for id in list(self._waiting):
            self.answered(Response(id, None, error))
