"""Connections that come before the web process: monitors are answered, nobody else loses anything."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from recursor.runner import early_connections
from recursor.runner.early_connections import EarlyConnections, waiting_connections
from recursor.runner.port import listen
from tests.processes import TIMEOUT


class Door:
    """A port that nobody serves yet."""

    def __init__(self, listener: socket.socket, early: EarlyConnections) -> None:
        self.address = listener.getsockname()
        self.early = early

    async def connect(self, *sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address)
        for each in sent:
            writer.write(each)
            await writer.drain()
        return reader, writer

    def close(self) -> list[bytes]:
        """What those that have waited had sent."""
        self.early.close()
        requests = []
        for connection in waiting_connections(self.early.queue):
            with connection:
                connection.setblocking(False)
                try:
                    requests.append(connection.recv(1000))
                except BlockingIOError:
                    requests.append(b"")
        return requests


@asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    with listen(0) as listener:
        early = EarlyConnections(listener, asyncio.get_running_loop())
        early.open()
        try:
            async with asyncio.timeout(TIMEOUT):
                yield Door(listener, early)
        finally:
            early.end()


def test_a_probe_may_come_in_pieces() -> None:
    async def play() -> None:
        async with opened() as door:
            reader, writer = await door.connect(b"GET /readyz HTTP/1.1\r\nHost: ")
            # Another client is not kept waiting by it.
            other, writer_of_other = await door.connect(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert b'"status":"ok"' in await other.read()
            writer.write(b"localhost\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
            assert door.close() == []
            writer.close()
            writer_of_other.close()

    asyncio.run(play())


@pytest.mark.parametrize("path", ["/", "/healthz/more", "/readyzz"])
def test_other_requests_wait_unread(path: str) -> None:
    async def play() -> None:
        async with opened() as door:
            request = f"GET {path} HTTP/1.1\r\n\r\n".encode()
            _, writer = await door.connect(request)
            await all_accepted(door)
            assert door.close() == [request]
            writer.close()

    asyncio.run(play())


async def all_accepted(door: Door) -> None:
    """Connections are accepted in order: a probe that is answered was accepted after all others."""
    reader, writer = await door.connect(b"GET /healthz HTTP/1.1\r\n\r\n")
    await reader.read()
    writer.close()


def test_who_has_sent_nothing_yet_waits_too() -> None:
    async def play() -> None:
        async with opened() as door:
            _, writer = await door.connect()
            await all_accepted(door)
            assert door.close() == [b""]
            writer.close()

    asyncio.run(play())


def test_of_too_many_that_send_nothing_the_oldest_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_connections, "_MOST_SILENT", 2)

    async def play() -> None:
        async with opened() as door:
            clients = [await door.connect() for _ in range(2)]
            await all_accepted(door)
            assert await clients[0][0].read() == b""
            assert door.close() == [b""]
            for _, writer in clients:
                writer.close()

    asyncio.run(play())


def test_when_too_many_wait_the_next_is_told() -> None:
    async def play() -> None:
        async with opened() as door:
            with ExitStack() as clients:
                waiting: list[socket.socket] = []
                while not (answered := select.select(waiting, [], [], 0)[0]):
                    waiting.append(clients.enter_context(socket.create_connection(door.address)))
                    waiting[-1].sendall(b"GET / HTTP/1.1\r\n\r\n")
                    await all_accepted(door)
                assert answered[0].recv(100).startswith(b"HTTP/1.1 503 ")
                assert len(door.close()) >= len(waiting) - 2

    asyncio.run(play())
