"""An HTTP server for few clients that are not trusted: one request per connection, within limits."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import h11

from recursor.agents.model.timing import sleep, timeout_at
from recursor.runtime.clock import Clock

# Requests at once.
MOST_CONNECTIONS = 16
# Bytes of the line and the headers of a request.
MOST_HEAD_BYTES = 65_536
# Bytes of a request: enough for a full context, with some images.
MOST_BYTES = 16 * 2**20
# Seconds for a request to arrive, and for a client to read the end of its answer.
ARRIVAL_SECONDS, DEPARTURE_SECONDS = 60.0, 10.0

# Seconds until connections are taken again, if one could not be.
_AGAIN_SECONDS = 0.1

Headers = Iterable[tuple[str, str]]


class ClientGoneError(Exception):
    """The client has closed the connection."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A whole request."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes


class HttpReply:
    """The answer to one request, whole or in parts."""

    def __init__(self, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self._connection, self._writer = connection, writer
        self.has_begun = False

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer.

        Raises:
            ClientGoneError: the client has gone.
        """
        await self.begin(status, [*headers, ("content-length", str(len(body)))])
        await self.part(body)
        await self.end()

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the beginning of an answer; `part` sends the rest."""
        self.has_begun = True
        sent = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send(h11.Response(status_code=status, headers=[*sent, (b"connection", b"close")]))

    async def part(self, data: bytes) -> None:
        """Send a part, when the client has taken those before."""
        if data:
            await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """End the answer. An answer that is not ended is seen to be broken off."""
        await self._send(h11.EndOfMessage())

    def last(self, data: bytes) -> None:
        """Send the last part, and end the answer, without waiting for a client that may not read."""
        for event in (h11.Data(data=data), h11.EndOfMessage()):
            self._writer.write(self._connection.send(event) or b"")

    async def _send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        try:
            self._writer.write(self._connection.send(event) or b"")
            await self._writer.drain()
        except ConnectionError:
            raise ClientGoneError from None


Handler = Callable[[HttpRequest, HttpReply], Awaitable[None]]


class ConnectionServer:
    """Serves connections to a listening socket, some at once, until it is closed."""

    def __init__(
        self,
        listener: socket.socket,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        clock: Clock,
        most: int,
    ) -> None:
        """Serve from the start of its block.

        Args:
            listener: closed at the end.
            serve: serves one connection, which is closed afterwards; cancelled at the end.
            clock: the time.
            most: connections at once; others wait in the queue of the system, with no cost here.
        """
        self._listener, self._serve_one, self._clock = listener, serve, clock
        self._places = asyncio.Semaphore(most)
        self._serving: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancel what is under way, and wait for its end."""
        self._accepting.cancel()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(self._accepting, *self._serving, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                connected, _ = await loop.sock_accept(self._listener)
            except OSError:
                # The client has gone already, or this process has too many files open at the moment.
                self._places.release()
                await sleep(self._clock, _AGAIN_SECONDS)
                continue
            task = asyncio.create_task(self._serve(connected))
            self._serving.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        self._places.release()

    async def _serve(self, connected: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connected)
        try:
            await self._serve_one(reader, writer)
        except (ClientGoneError, ConnectionError, asyncio.IncompleteReadError):
            pass  # nobody is left to be told
        finally:
            writer.close()
            try:
                async with timeout_at(self._clock, self._clock.now() + DEPARTURE_SECONDS):
                    await writer.wait_closed()
            except (ConnectionError, TimeoutError):
                writer.transport.abort()


def listening(path: Path | None) -> socket.socket:
    """Return a listening socket for a gateway or a proxy.

    Args:
        path: of a Unix socket, for the sandbox; None: a port of the loopback address, for agents without one.
    """
    if path is None:
        return socket.create_server(("127.0.0.1", 0))
    listener = socket.socket(socket.AF_UNIX)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        # The path itself may be longer than the 107 bytes that the system allows.
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
        path.chmod(0o600)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(directory)
    return listener


class HttpServer:
    """Serves requests to a listening socket until it is closed."""

    def __init__(self, listener: socket.socket, handler: Handler, clock: Clock) -> None:
        """Serve from the start of its block.

        Args:
            listener: closed at the end.
            handler: answers a request; cancelled when its client goes away, and at the end.
            clock: the time.
        """
        self._handler, self._clock = handler, clock
        self._server = ConnectionServer(listener, self._serve, clock, MOST_CONNECTIONS)

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancel all calls, and wait for their end."""
        await self._server.__aexit__()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_BYTES)
        reply = HttpReply(connection, writer)
        try:
            async with timeout_at(self._clock, self._clock.now() + ARRIVAL_SECONDS):
                request = await _request(connection, reader, writer)
        except (h11.RemoteProtocolError, TimeoutError) as error:
            status = getattr(error, "error_status_hint", 408)
            await reply.whole(status, [("content-type", "text/plain")], f"{error}\n".encode())
            return
        await self._answer(request, reply, reader)

    async def _answer(self, request: HttpRequest, reply: HttpReply, reader: asyncio.StreamReader) -> None:
        """Answer a request; the answer is cancelled when the client closes the connection."""
        answering = asyncio.ensure_future(self._handler(request, reply))
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, gone):
                task.cancel()
            await asyncio.wait((answering, gone))
        if not answering.cancelled():
            answering.result()


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> HttpRequest:
    head: h11.Request | None = None
    parts: list[bytes] = []
    size = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                going_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(going_on) or b"")
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            size += len(event.data)
            if size > MOST_BYTES:
                raise h11.RemoteProtocolError(f"larger than {MOST_BYTES:,} bytes", error_status_hint=413)
            parts.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            path, _, query = head.target.decode("latin-1").partition("?")
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return HttpRequest(head.method.decode(), path, query, headers, b"".join(parts))
        else:
            raise ClientGoneError
