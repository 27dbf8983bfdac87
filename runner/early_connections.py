"""Connections to the runner's port while no web process serves: probes are answered, others wait for it."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress

from recursor import __version__
from recursor.web.problems import MEDIA_TYPE, RELEASE_HEADER, RUNNER_HEADER, problem

# Clients that have sent nothing yet. Beyond it, the one that has waited longest is cut off.
_MOST_SILENT = 256

# Bytes that decide whether a request is a probe.
_BEGINNING = len(b"GET /healthz ")

# Bytes of an answered request's headers, and seconds for sending them.
_HEADER_BYTES = 8192
_HEADER_SECONDS = 10.0

_STARTING = "the API and the dashboard are still starting: ask again in a few seconds"
_UNSERVED = "the API and the dashboard cannot start: see `recursor doctor`"


class EarlyConnections:
    """Accepts connections from `open` to `close`, on one event loop.

    The request of a connection that waits is not read: the web process receives the connection as its client
    opened it.
    """

    def __init__(self, listener: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare to accept.

        Args:
            listener: a listening socket, which the web process inherits.
            loop: the loop of all other calls.
        """
        self._listener = listener
        self._loop = loop
        self._queue, self.queue = socket.socketpair()
        self._queue.setblocking(False)
        self._silent: dict[socket.socket, None] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._why_unready = _STARTING

    @property
    def handle(self) -> int:
        """The queue of waiting connections, for the web process; see `waiting_connections`."""
        return self.queue.fileno()

    def note(self, unserved: str | None) -> None:
        """Note why no web process can start; None: one can."""
        self._why_unready = _STARTING if unserved is None else _UNSERVED

    def open(self) -> None:
        """Accept connections from now on."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Leave further connections to the web process. Afterwards all that wait are in its queue."""
        self._loop.remove_reader(self._listener)
        for connection in list(self._silent):
            self._forget(connection)
            self._keep(connection)

    def end(self) -> None:
        """Close everything, for ever."""
        self.close()
        self._queue.close()
        self.queue.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            # The client has gone, an ending web process accepted it, or files have run out.
            return
        connection.setblocking(False)
        if len(self._silent) == _MOST_SILENT:
            oldest = next(iter(self._silent))
            self._forget(oldest)
            oldest.close()
        self._silent[connection] = None
        self._loop.add_reader(connection, self._receive, connection)

    def _receive(self, connection: socket.socket) -> None:
        self._forget(connection)
        try:
            beginning = connection.recv(_BEGINNING, socket.MSG_PEEK)
        except OSError:
            connection.close()
            return
        answer = self._answer_to(beginning)
        if answer is None:
            self._keep(connection)
        else:
            self._start_answering(connection, answer)

    def _answer_to(self, beginning: bytes) -> bytes | None:
        if beginning.startswith((b"GET /healthz ", b"GET /healthz?")):
            return _response("200 OK", "application/json", '{"status":"ok"}')
        if beginning.startswith((b"GET /readyz ", b"GET /readyz?")):
            details = problem("not-ready", 503, "Not ready", self._why_unready)
            return _response("503 Service Unavailable", MEDIA_TYPE, details.model_dump_json())
        return None

    def _keep(self, connection: socket.socket) -> None:
        """Put a connection into the queue, which holds it although it is closed here."""
        try:
            socket.send_fds(self._queue, [b"c"], [connection.fileno()])
        except BlockingIOError:
            # Some 200 clients wait already.
            full = "too many clients wait for the API and the dashboard: try again\n"
            refusal = _response("503 Service Unavailable", "text/plain; charset=utf-8", full)
            self._start_answering(connection, refusal)
        else:
            connection.close()

    def _start_answering(self, connection: socket.socket, answer: bytes) -> None:
        answering = self._loop.create_task(_answer(connection, answer))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)

    def _forget(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        del self._silent[connection]


def waiting_connections(queue: socket.socket) -> Iterator[socket.socket]:
    """Take the waiting connections out of an inherited queue."""
    queue.setblocking(False)
    while True:
        try:
            _, handles, _, _ = socket.recv_fds(queue, 1, 1)
        except BlockingIOError:
            return
        if not handles:
            return
        yield socket.socket(fileno=handles[0])


async def _answer(connection: socket.socket, answer: bytes) -> None:
    """Answer one request and close its connection."""
    loop = asyncio.get_running_loop()
    with connection, suppress(OSError, TimeoutError):
        async with asyncio.timeout(_HEADER_SECONDS):
            # Whoever closes a connection with unread data cuts off the answer (RFC 9112, section 9.6).
            request = b""
            while b"\r\n\r\n" not in request and len(request) < _HEADER_BYTES:
                received = await loop.sock_recv(connection, _HEADER_BYTES)
                if not received:
                    return
                request += received
            await loop.sock_sendall(connection, answer)


def _response(status: str, media_type: str, body: str) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n"
        f"{RUNNER_HEADER}: {os.getpid()}\r\n{RELEASE_HEADER}: {__version__}\r\n"
        f"retry-after: 1\r\nconnection: close\r\n\r\n{body}"
    ).encode()
