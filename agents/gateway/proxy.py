"""The network of a program in the sandbox: an HTTP proxy that reaches the hosts of an allow-list.

The program asks for a host by name. The proxy resolves the name, looks at the addresses, and connects to one
that it has looked at: a name that has another address the next time leads nowhere else. A name of a private
network, of this machine or of its link is refused; such an address must be on the list itself.

HTTPS passes as it is (CONNECT). A plain HTTP request is sent on with the host that was checked. What the
program sends is not looked at: a host that it may reach can receive all that it knows.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

import h11

from recursor.agents.gateway.http import (
    ARRIVAL_SECONDS,
    MOST_HEAD_BYTES,
    ClientGoneError,
    ConnectionServer,
)
from recursor.agents.model.timing import sleep, timeout_at
from recursor.domain.hosts import AllowedHosts, is_address, is_public, split_place
from recursor.runtime.clock import Clock

# Connections of one program at once: package managers open some dozens.
MOST_CONNECTIONS = 64
# Seconds to resolve a name and to connect.
CONNECT_SECONDS = 30.0
# Seconds without a byte in either direction after which a connection is closed.
IDLE_SECONDS = 300.0

# Different refusals that are kept for the program's output.
MOST_REFUSALS = 5

_CHUNK = 65_536

# Headers for the proxy alone, or for one connection (RFC 9110, 7.6.1).
_FOR_ONE_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"upgrade", b"expect"}
)

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host name. Raises `OSError` if there are none."""


class RefusedError(Exception):
    """A request is not served; the text says why, in one line."""

    def __init__(self, status: int, reason: str) -> None:
        """Carry the status of the answer."""
        super().__init__(reason)
        self.status = status


async def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, as this machine finds them.

    Raises:
        OSError: there are none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Proxy:
    """Serves one program."""

    def __init__(self, hosts: Iterable[str], clock: Clock, resolve: Resolve) -> None:
        """Use `opened`."""
        self._hosts, self._clock, self._resolve = AllowedHosts(hosts), clock, resolve
        self.refusals: list[str] = []
        """Why requests were refused: the first different reasons, each in one line."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, hosts: Iterable[str], listener: socket.socket, clock: Clock, resolve: Resolve = resolved
    ) -> AsyncIterator[Self]:
        """Serve until the end of the block, when all connections are cut off.

        Args:
            hosts: the allowed hosts, as in `workspace.hosts`.
            listener: a listening socket, which is closed at the end.
            clock: the time.
            resolve: finds the addresses of names.
        """
        proxy = cls(hosts, clock, resolve)
        async with ConnectionServer(listener, proxy._serve, clock, MOST_CONNECTIONS):
            yield proxy

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_BYTES)
        try:
            async with timeout_at(self._clock, self._clock.now() + ARRIVAL_SECONDS):
                head = await _head(connection, reader)
        except h11.RemoteProtocolError as error:
            await _refuse(writer, RefusedError(error.error_status_hint, str(error)))
            return
        except TimeoutError:
            await _refuse(writer, RefusedError(408, f"no request within {ARRIVAL_SECONDS:.0f} s"))
            return
        try:
            host, port, target = _target(head)
            there = await self._connected(host, port)
        except RefusedError as refused:
            if len(self.refusals) < MOST_REFUSALS and str(refused) not in self.refusals:
                self.refusals.append(str(refused))
            await _refuse(writer, refused)
            return
        exchange = _Exchange(connection, (reader, writer), there, self._clock)
        try:
            if head.method == b"CONNECT":
                await exchange.within_time(exchange.tunnel())
            else:
                await exchange.within_time(exchange.pass_on(head, target, _place(host, port)))
        finally:
            # Whatever has not been sent yet: its reader is too slow, or gone.
            there[1].transport.abort()

    async def _connected(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to an allowed host, at an address that has been looked at.

        Raises:
            RefusedError: it is not allowed, or cannot be reached.
        """
        place = _place(host, port)
        if not self._hosts.allows(host, port):
            name = _bracketed(host)
            told = f"{name} is, but not this port: add {place}" if self._hosts.names(host) else f"add {name}"
            raise RefusedError(403, f"{place} is not an allowed host: {told} to workspace.hosts")
        try:
            async with timeout_at(self._clock, self._clock.now() + CONNECT_SECONDS):
                return await self._connect(host, port)
        except TimeoutError:
            raise RefusedError(504, f"{place} does not answer within {CONNECT_SECONDS:.0f} s") from None
        except (OSError, UnicodeError) as error:
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())
            raise RefusedError(502, f"{place} cannot be reached: {reason}") from None

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if is_address(host):
            # It is on the list itself.
            return await asyncio.open_connection(host, port)
        found = await self._resolve(host, port)
        public = [address for address in found if is_public(address)]
        if found and not public:
            raise RefusedError(
                403,
                f"{host} is at {found[0]}, which is not a public address: add {_place(found[0], port)} "
                "itself to workspace.hosts, and use that",
            )
        failure: OSError = OSError("it has no address")
        for address in public:
            try:
                return await asyncio.open_connection(address, port)
            except OSError as error:
                failure = error
        raise failure


class _Exchange:
    """What passes between a program and a host."""

    def __init__(
        self,
        connection: h11.Connection,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        clock: Clock,
    ) -> None:
        self._connection, self._here, self._there, self._clock = connection, here, there, clock
        self._last = clock.now()

    async def within_time(self, work: Awaitable[None]) -> None:
        """Do `work`, as long as something passes."""
        working, idle = asyncio.ensure_future(work), asyncio.create_task(self._idle())
        try:
            await asyncio.wait((working, idle), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, idle):
                task.cancel()
            await asyncio.wait((working, idle))
        if working.cancelled():
            # Its reader has not read for all that time.
            self._here[1].transport.abort()
        else:
            working.result()

    async def _idle(self) -> None:
        while (left := self._last + IDLE_SECONDS - self._clock.now()) > 0:
            await sleep(self._clock, left)

    async def tunnel(self) -> None:
        """Pass bytes in both directions until both sides have ended."""
        (reader, writer), (far_reader, far_writer) = self._here, self._there
        await self._send(writer, b"HTTP/1.1 200 Connection established\r\n\r\n")
        # What has come behind the request already.
        early, _ = self._connection.trailing_data
        await self._send(far_writer, early)
        with suppress(ConnectionError, TimeoutError):
            await _both(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._send(writer, chunk)
        writer.write_eof()

    async def pass_on(self, head: h11.Request, target: bytes, place: str) -> None:
        """Send one request on, and its answer back."""
        there = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
        headers = [(b"host", place.removesuffix(":80").encode()), *_without_own(head.headers, b"host")]
        request = h11.Request(
            method=head.method, target=target, headers=[*headers, (b"connection", b"close")]
        )
        asking = asyncio.create_task(self._ask_whole(there, request))
        try:
            await self._answer(there)
        except (h11.ProtocolError, ConnectionError, TimeoutError) as error:
            if self._connection.our_state is not h11.SEND_RESPONSE:
                return  # the end of the answer is missing, and seen to be
            reason = " ".join(str(error).split()) or "the connection was closed"
            await _refuse(self._here[1], RefusedError(502, f"{place} gave no valid answer: {reason}"))
        finally:
            asking.cancel()
            await asyncio.wait((asking,))

    async def _ask_whole(self, there: h11.Connection, request: h11.Request) -> None:
        try:
            await self._ask(there, request)
        except (ClientGoneError, h11.ProtocolError, OSError):
            # The host waits for the rest; there is no more than the answer that has come already.
            self._there[1].transport.abort()

    async def _ask(self, there: h11.Connection, request: h11.Request) -> None:
        (reader, writer), (_, far_writer), ours = self._here, self._there, self._connection
        await self._send(far_writer, there.send(request))
        while True:
            event = ours.next_event()
            if event is h11.NEED_DATA:
                if ours.they_are_waiting_for_100_continue:
                    await self._send(
                        writer, ours.send(h11.InformationalResponse(status_code=100, headers=[]))
                    )
                ours.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Data | h11.EndOfMessage):
                await self._send(far_writer, there.send(event))
                if isinstance(event, h11.EndOfMessage):
                    return
            else:
                raise ClientGoneError

    async def _answer(self, there: h11.Connection) -> None:
        (_, writer), (far_reader, _), ours = self._here, self._there, self._connection
        while True:
            event = there.next_event()
            if event is h11.NEED_DATA:
                there.receive_data(await far_reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                headers = [*_without_own(event.headers), (b"connection", b"close")]
                answer = h11.Response(status_code=event.status_code, reason=event.reason, headers=headers)
                await self._send(writer, ours.send(answer))
            elif isinstance(event, h11.Data | h11.EndOfMessage):
                await self._send(writer, ours.send(event))
                if isinstance(event, h11.EndOfMessage):
                    return
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionError("the connection was closed")

    async def _send(self, writer: asyncio.StreamWriter, data: bytes | None) -> None:
        if data:
            writer.write(data)
            await writer.drain()
            self._last = self._clock.now()


async def _both(first: Awaitable[None], second: Awaitable[None]) -> None:
    """Await both; if one fails, the other is cancelled."""
    tasks = (asyncio.ensure_future(first), asyncio.ensure_future(second))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _head(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            if event.method == b"CONNECT":
                # It has no body: what comes next is for the host.
                connection.next_event()
            return event
        if event is not h11.NEED_DATA:
            raise ClientGoneError
        connection.receive_data(await reader.read(_CHUNK))


def _target(head: h11.Request) -> tuple[str, int, bytes]:
    """Return the host and the port that a request is for, and what is asked of the host.

    Raises:
        RefusedError: it names none.
    """
    text = head.target.decode("latin-1")
    shown = re.sub(r"[^!-~]", "?", text)[:100]
    try:
        if head.method == b"CONNECT":
            host, port = split_place(text)
            return host, port or 443, b""
        parts = urlsplit(text)
        if parts.scheme != "http":
            raise RefusedError(
                400, f"{shown}: this is a proxy, for CONNECT HOST:PORT and for http://HOST/ without CONNECT"
            )
        host, port = split_place(parts.netloc.rpartition("@")[2])
    except ValueError:
        raise RefusedError(400, f"{shown}: not the address of a host") from None
    rest = text.partition("#")[0][len("http://" + parts.netloc) :]
    return host, port or 80, (rest if rest.startswith("/") else f"/{rest}").encode("latin-1")


def _place(host: str, port: int) -> str:
    return f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _without_own(headers: Iterable[tuple[bytes, bytes]], *more: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers that are not about one connection alone."""
    headers = list(headers)
    named = {
        each.strip().lower() for name, value in headers if name == b"connection" for each in value.split(b",")
    }
    # How the body is framed concerns h11.
    dropped = (named | _FOR_ONE_CONNECTION | set(more)) - {b"transfer-encoding", b"content-length"}
    return [(name, value) for name, value in headers if name not in dropped]


async def _refuse(writer: asyncio.StreamWriter, refused: RefusedError) -> None:
    """Answer with the reason, also in the first line: of a refused CONNECT, clients show nothing else."""
    reason = re.sub(r"[^ -~]", "?", str(refused))
    body = f"{reason}\n".encode()
    phrase = reason if refused.status in _TOLD else HTTPStatus(refused.status).phrase
    writer.write(
        f"HTTP/1.1 {refused.status} {phrase}\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()


# Refusals whose reason is for the program's user.
_TOLD = (403, 502, 504)
