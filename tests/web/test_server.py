"""The server, and clients that are slow: to ask, or to take what they asked for."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from recursor.runner.port import listen
from recursor.web import connection
from recursor.web.server import WebServer


def test_the_connection_of_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALLED_SECONDS", 0.01)
    ended = threading.Event()

    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(disconnected(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
            await asyncio.sleep(0)
        ended.set()

    async def disconnected(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with listen(0) as listener:
        serving = WebServer(Starlette(routes=[Mount("/", endless)]), listener)
        serving.start()
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert ended.wait(60)
        serving.stop()


ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-More: "


async def well(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer at once, without reading what is sent."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def reading(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer when all has come."""
    while (await receive()).get("more_body"):
        pass
    await well(_scope, receive, send)


@contextmanager
def served(app: ASGIApp, connections: int | None = None) -> Iterator[tuple[str, int]]:
    with listen(0) as listener:
        serving = WebServer(Starlette(routes=[Mount("/", app)]), listener, connections=connections)
        serving.start()
        yield ("127.0.0.1", listener.getsockname()[1])
        serving.stop()


def rest(client: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    received = b""
    try:
        while piece := client.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def test_an_endless_header_is_refused() -> None:
    with served(well) as place, socket.create_connection(place) as client:
        client.settimeout(180)
        client.sendall(HALF)
        with suppress(ConnectionError):
            while True:
                client.sendall(b"x" * 65_536)


def test_long_headers_are_taken() -> None:
    with served(well) as place, httpx.Client(timeout=180) as client:
        answer = client.get(f"http://127.0.0.1:{place[1]}", headers={"x-long": "x" * 60_000})
        assert answer.status_code == 200


@pytest.mark.parametrize("sent", [b"", HALF])
def test_who_does_not_finish_the_headers_in_time_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.01)
    with served(well) as place, socket.create_connection(place) as client:
        client.settimeout(180)
        client.sendall(sent)
        assert rest(client).startswith(b"HTTP/1.1 408 ")


def test_who_does_not_finish_the_body_in_time_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.01)
    with served(reading) as place, socket.create_connection(place) as client:
        client.settimeout(180)
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n1")
        assert rest(client).startswith(b"HTTP/1.1 408 ")


def test_who_goes_on_sending_after_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FAREWELL_SECONDS", 0.01)
    with served(well) as place, socket.create_connection(place) as client:
        client.settimeout(180)
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                client.sendall(b"5\r\n12345\r\n")


def test_endless_trailers_are_not_taken() -> None:
    with served(reading) as place, socket.create_connection(place) as client:
        client.settimeout(180)
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        with suppress(ConnectionError):
            while True:
                client.sendall(b"a: b\r\n" * 1_000)


def test_a_connection_serves_one_request_after_the_other() -> None:
    with served(well) as place, socket.create_connection(place) as client:
        client.settimeout(180)
        client.sendall(ASKED * 2 + LAST)
        assert rest(client).count(b"HTTP/1.1 200 OK") == 3


def test_of_too_many_connections_the_slowest_makes_way() -> None:
    with served(well, connections=3) as place:
        slow = [socket.create_connection(place) for _ in range(3)]
        for each in slow:
            each.sendall(HALF)
        with socket.create_connection(place) as client:
            client.settimeout(180)
            client.sendall(LAST)
            assert b"ok" in rest(client)
        for each in slow:
            each.close()


def test_who_is_being_answered_makes_no_way() -> None:
    go_on = threading.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(go_on.wait)
        await well(scope, receive, send)

    with served(slow, connections=1) as place, socket.create_connection(place) as first:
        first.settimeout(180)
        first.sendall(LAST)
        while True:
            with socket.create_connection(place) as second:
                second.settimeout(180)
                if rest(second).startswith(b"HTTP/1.1 503 "):
                    break
        go_on.set()
        assert b"ok" in rest(first)
