"""The server: a thread with an event loop, on a loopback port of its own."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from tests.model_stub.answers import Answer, Call, Fault, Script, always
from tests.model_stub.dialects import dialect_of, model_of, streams

# Longer than any test waits for what is about to happen.
PATIENCE = 180.0
DRIP_SECONDS = 0.02
_WITHIN = (Fault.RESET_WITHIN, Fault.CLOSE_WITHIN, Fault.OVERLOADED_WITHIN)
KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")


class ModelStub:
    """Answers as the provider does whose API is asked; a context manager.

    What it counts may be read from any thread.
    """

    def __init__(self, script: Script | None = None, port: int = 0) -> None:
        """Answer by `script`, which may be changed at any time."""
        self.script = script or always(Answer())
        self.calls: list[Call] = []
        self.bills: dict[int, int] = {}
        """Tokens of every call that the model behind such a server would have worked for, by its number."""
        self.hung_up = 0
        """Clients that closed the connection before the answer's end."""
        self.connections = 0
        """How many have been opened."""
        self.most_at_once = 0
        self.call_seconds = 0.0
        """Time that calls took, summed over them: divided by time, how many there were at once."""
        self.problems: list[BaseException] = []
        """What went wrong in the stub itself."""
        self._port = port
        self._answering: set[int] = set()
        self._counted_at = time.monotonic()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-stub")
        self._ended: asyncio.Event

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, with all connections; what went wrong here is a failure of whoever used it."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        assert kind is not None or self.problems == [], self.problems

    @property
    def url(self) -> str:
        """What to give for `model.base_url`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def billed(self) -> list[int]:
        """The tokens of every call that was billed, in the order of the bills."""
        return list(self.bills.values())

    @property
    def answering(self) -> int:
        """How many calls are under way."""
        return len(self._answering)

    def wait_until(self, happened: Callable[["ModelStub"], bool]) -> None:
        """Wait until something has happened here, for as long as any test has patience."""
        with self._changed:
            assert self._changed.wait_for(lambda: happened(self), PATIENCE), "it has not happened"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        writers: list[asyncio.StreamWriter] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            writers.append(writer)
            try:
                await self._connection(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # the client has gone, or the stub ends
            except BaseException as error:  # noqa: BLE001  # a test looks at them
                self.problems.append(error)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self._port, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        # Besides the connections there are the answers that they are waiting for.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            # Again and again: a connection whose call has just ended takes a cancellation for the call's.
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.1)
        for writer in writers:
            # One that still has something to send would stay open.
            writer.transport.abort()
        # The loop closes their sockets in its next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            first, *lines = head.decode("latin-1").rstrip().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if not first.startswith("POST "):
                await self._send_json(writer, 200, self._figures())
                continue
            call = self._note(first.split(" ")[1], body, headers)
            answer = self.script(call)
            answering = asyncio.create_task(self._answer(writer, call, answer))
            gone = asyncio.create_task(reader.read(1))
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            # Of a client that has gone, the writing may learn first.
            hung_up = not answering.done() or isinstance(answering.exception(), ConnectionError)
            for task in (answering, gone):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await gone
            self._end(call, hung_up)
            with contextlib.suppress(asyncio.CancelledError):
                if not await answering:
                    return
            if hung_up:
                return

    def _note(self, path: str, body: bytes, headers: dict[str, str]) -> Call:
        content = json.loads(body)
        with self._changed:
            call = Call(
                number=len(self.calls) + 1,
                model=model_of(path, content),
                body=content,
                authorization=headers.get("authorization", ""),
                key=next((headers[name] for name in KEY_HEADERS if name in headers), ""),
                size=len(body),
                path=path,
            )
            self.calls.append(call)
            self._count()
            self._answering.add(call.number)
            self.most_at_once = max(self.most_at_once, self.answering)
            self._changed.notify_all()
        return call

    def _end(self, call: Call, hung_up: bool = False) -> None:
        """Note that a call has ended, or does so with the next byte."""
        with self._changed:
            self._count()
            self._answering.discard(call.number)
            self.hung_up += hung_up
            self._changed.notify_all()

    def _count(self) -> None:
        now = time.monotonic()
        self.call_seconds += self.answering * (now - self._counted_at)
        self._counted_at = now

    def _figures(self) -> dict[str, Any]:
        with self._changed:
            self._count()
            return {
                "calls": len(self.calls),
                "billed": sum(self.billed),
                "answering": self.answering,
                "most_at_once": self.most_at_once,
                "call_seconds": self.call_seconds,
                "hung_up": self.hung_up,
                "problems": [repr(problem) for problem in self.problems],
            }

    async def _answer(self, writer: asyncio.StreamWriter, call: Call, answer: Answer) -> bool:
        """Answer a call. Returns whether the connection can be used again."""
        dialect = dialect_of(call.path)
        if answer.latency:
            await asyncio.sleep(answer.latency)
        while answer.held_until is not None and not answer.held_until.is_set():
            await asyncio.sleep(DRIP_SECONDS)
        if answer.status != 200:
            self._end(call)
            await self._send_json(writer, answer.status, dialect.problem(answer), answer.headers)
            return True
        with self._changed:
            self.bills[call.number] = dialect.billed_tokens(call, answer)
        if answer.fault is Fault.HANG:
            await asyncio.Event().wait()
        if answer.fault is Fault.RESET:
            _reset(writer)
            return False
        if streams(call.path, dict(call.body)):
            return await self._stream(writer, call, answer)
        self._end(call)
        body = json.dumps(dialect.whole(call, answer)).encode()
        if answer.fault is Fault.BROKEN_JSON:
            body = b"{not json"
        await self._send(writer, 200, "application/json", body, answer.headers)
        return True

    async def _stream(self, writer: asyncio.StreamWriter, call: Call, answer: Answer) -> bool:
        writer.write(_head(200, "text/event-stream", {"transfer-encoding": "chunked", **answer.headers}))
        dialect = dialect_of(call.path)
        events = list(dialect.events(call, answer))
        for position, (name, event) in enumerate(events):
            is_broken = answer.fault is Fault.BROKEN_JSON and position
            _write_event(writer, name, "{not json" if is_broken else json.dumps(event))
            await writer.drain()
            if position >= (len(events) - 1) // 2 and answer.fault in _WITHIN:
                if answer.fault is Fault.RESET_WITHIN:
                    _reset(writer)
                    return False
                if answer.fault is Fault.OVERLOADED_WITHIN:
                    problem = dialect.problem(replace(answer, status=529, text="Overloaded"))
                    _write_event(writer, "error", json.dumps(problem))
                writer.write(b"0\r\n\r\n")
                return False
            slowly = answer.slowly_until is not None and not answer.slowly_until.is_set()
            if slowly or answer.fault is Fault.DRIP:
                await asyncio.sleep(DRIP_SECONDS)
        while answer.fault is Fault.DRIP:
            name, event = events[len(events) // 2]
            _write_event(writer, name, json.dumps(event))
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)
        self._end(call)
        if dialect.LAST_WORDS:
            _write_chunk(writer, dialect.LAST_WORDS)
        if answer.fault is Fault.OPEN_END:
            await writer.drain()
            await asyncio.Event().wait()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _send_json(
        self, writer: asyncio.StreamWriter, status: int, body: object, headers: Any = None
    ) -> None:
        await self._send(writer, status, "application/json", json.dumps(body).encode(), headers or {})

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, headers: Any
    ) -> None:
        writer.write(_head(status, kind, {"content-length": str(len(body)), **headers}) + body)
        await writer.drain()


def _head(status: int, kind: str, headers: dict[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} -",
        f"content-type: {kind}",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _write_event(writer: asyncio.StreamWriter, name: str | None, data: str) -> None:
    title = "" if name is None else f"event: {name}\n"
    _write_chunk(writer, f"{title}data: {data}\n\n".encode())


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection so that the other side is told of an error, not of an end."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
