"""One HTTP connection, and the limit of connections: a slow client makes way for others."""

import asyncio
import os
import socket
import struct
from enum import Enum, auto
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from recursor.web.audit import user_name
from recursor.web.guard import MAX_BODY_BYTES

# The size limit of request line and headers. Browsers and proxies stay within 8 to 16 KB; the longest address
# of the API, a stream of a thousand stacks, has 23 KB.
HEADER_BYTES = 64 * 1024

# The most bytes received for a body: more than the largest body takes even in the smallest chunks, whose
# framing has six bytes.
_MOST_SENT_BYTES = 8 * MAX_BODY_BYTES

# Seconds for a client to send the request line and headers.
HEADER_SECONDS = 10.0

# Seconds for it to send the rest of its request: 1 MB at 17 KB/s.
BODY_SECONDS = 60.0

# Seconds for which it may continue sending a request that is already answered.
FAREWELL_SECONDS = 5.0

# Seconds after which a connection is cut off whose client takes none of the waiting data.
STALLED_SECONDS = 60.0

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\nall connections are in use: try again\n"
)
_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\n\r\nthe request did not come in time: send it at once\n"
)
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\n\r\nrequest line and headers: longer than %d bytes: send less\n" % HEADER_BYTES
)


class ConnectionLimit:
    """The server's limit of connections. Beyond it, the client that has kept the server waiting longest is
    cut off."""

    def __init__(self, most: int) -> None:
        """Allow `most` connections."""
        self.most = most
        self._waiting: dict[Connection, None] = {}

    def admit(self, connection: "Connection", connected: int) -> bool:
        """Whether a new connection may stay; another may be cut off for it.

        Args:
            connection: the new connection, which has not sent anything yet.
            connected: the number of connections, including it.
        """
        if connected > self.most:
            slowest = next(iter(self._waiting), None)
            if slowest is None:
                return False
            self.forget(slowest)
            slowest.transport.abort()
        self.note(connection)
        return True

    def note(self, connection: "Connection") -> None:
        """Note that a connection waits for its client from now on."""
        self.forget(connection)
        self._waiting[connection] = None

    def forget(self, connection: "Connection") -> None:
        """Note that it no longer waits."""
        self._waiting.pop(connection, None)


class _Request(Enum):
    """How much of the newest request has arrived."""

    NOTHING = auto()
    HEADER = auto()
    BODY = auto()
    """The headers, and perhaps part of the body."""
    ALL = auto()


class Connection(HttpToolsProtocol):
    """Ends if its client takes too long to send a request, or to take the answer."""

    def __init__(self, *, limit: ConnectionLimit, **options: Any) -> None:
        """Create a connection of a server.

        Args:
            limit: shared by all of them.
            options: uvicorn's arguments.
        """
        super().__init__(**options)
        self._limit = limit
        self._request = _Request.NOTHING
        self._received = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # like uvicorn
        super().connection_made(transport)
        user = _user_of(transport)
        if user is not None:
            self.client = (f"user {user_name(user)}", 0)
        if user not in (None, 0, os.geteuid()):
            # Not every system respects a socket's mode.
            transport.abort()
        elif self._limit.admit(self, len(self.connections)):
            self._expect(HEADER_SECONDS)
        else:
            self._refuse(_FULL)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self._request is _Request.HEADER and self._received > HEADER_BYTES:
            self._refuse(_TOO_LONG)
        elif self._request is _Request.BODY and self._received > _MOST_SENT_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._request = _Request.HEADER

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers would be stored, in any number, and nobody reads them.
        if self._request is _Request.HEADER:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._request, self._received = _Request.BODY, 0
        self._expect(BODY_SECONDS)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._request, self._received = _Request.ALL, 0
        if self._is_answered:
            self._be_idle()
        else:
            self._expect_nothing()

    def handle_websocket_upgrade(self) -> None:
        self._expect_nothing()
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        match self._request:
            case _Request.HEADER:
                self._expect(HEADER_SECONDS)
            case _Request.BODY:
                self._expect(FAREWELL_SECONDS if self._is_answered else BODY_SECONDS)
            case _ if self._is_answered:
                self._be_idle()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._limit.note(self)
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._limit.forget(self)
        self._watch_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self._watch_no_more()
        super().connection_lost(exc)

    @property
    def _is_answered(self) -> bool:
        """Whether no answer is pending or under way."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _be_idle(self) -> None:
        self._request = _Request.NOTHING
        self._expect(HEADER_SECONDS)

    def _expect(self, seconds: float) -> None:
        """Wait for the client to send."""
        self._limit.note(self)
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._end_waiting)

    def _expect_nothing(self) -> None:
        self._limit.forget(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_waiting(self) -> None:
        if self._is_answered or not self.cycle.response_started:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.abort()

    def _refuse(self, answer: bytes) -> None:
        self._expect_nothing()
        self.transport.write(answer)
        self.transport.close()

    def _watch(self, left: int) -> None:
        self._stall = self.loop.call_later(STALLED_SECONDS, self._look, left)

    def _watch_no_more(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _look(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._watch(left)
        else:
            # `close` waits until everything has been taken.
            self.transport.abort()


def _user_of(transport: asyncio.Transport) -> int | None:
    """Return the user at the other end of a Unix socket, if the system reports it."""
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None or connection is None or connection.family != socket.AF_UNIX:
        return None
    # struct ucred: process, user, group (unix(7)).
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(user)
