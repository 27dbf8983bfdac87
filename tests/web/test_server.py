"""The server, and clients that do not take what they asked for."""

import asyncio
import socket
import threading

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from recursor.runner.port import listen
from recursor.web import server
from recursor.web.server import WebServer


def test_the_connection_of_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_SECONDS", 0.01)
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
