"""What programs in the sandbox reach through the proxy, and what they do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from recursor.agents.gateway import proxy as proxy_module
from recursor.agents.gateway.http import listening
from recursor.agents.gateway.proxy import Proxy, Resolve
from tests.agents.model.conftest import FastClock

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HERE = "127.0.0.1"


class Names:
    """A name service: the addresses of each name, one list after the other each time it is asked for."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        if not self._answers.get(host):
            raise OSError("Name or service not known")
        found = self._answers[host]
        return found.pop(0) if len(found) > 1 else found[0]


class Door:
    """A proxy, and what a program says to it."""

    def __init__(self, proxy: Proxy, path: Path) -> None:
        self.proxy, self._path = proxy, path

    async def connect(self, sent: str) -> Connection:
        reader, writer = await asyncio.open_unix_connection(self._path)
        writer.write(sent.encode())
        return reader, writer

    async def told(self, sent: str) -> str:
        """Return the whole answer to some bytes."""
        reader, writer = await self.connect(sent)
        answer = await reader.read(-1)
        writer.close()
        return answer.decode()

    async def refused(self, method: str, target: str) -> tuple[int, str]:
        """Return the status and the text of a refusal."""
        answer = await self.told(f"{method} {target} HTTP/1.1\r\nhost: x\r\n\r\n")
        head, _, body = answer.partition("\r\n\r\n")
        assert body.endswith("\n")
        assert body.count("\n") == 1
        return int(head.split(" ")[1]), body.strip()


class Stage:
    """Opens proxies and servers."""

    def __init__(self, directory: Path, clock: FastClock) -> None:
        self._path, self._clock = directory / "proxy.sock", clock

    @asynccontextmanager
    async def door(self, hosts: list[str], names: Resolve | None = None) -> AsyncIterator[Door]:
        async with Proxy.opened(hosts, listening(self._path), self._clock, names or Names()) as proxy:
            yield Door(proxy, self._path)

    @asynccontextmanager
    async def server(self, answer: Answer) -> AsyncIterator[int]:
        """Serve on a port of this machine."""
        connected = set()

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.add(writer)
            try:
                await answer(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        serving = await asyncio.start_server(served, HERE, 0)
        try:
            yield serving.sockets[0].getsockname()[1]
        finally:
            serving.close()
            for writer in connected:
                writer.transport.abort()

    def refused(self, hosts: list[str], names: Resolve, method: str, target: str) -> tuple[int, str]:
        """Return the status and the text of a refusal."""

        async def ask() -> tuple[int, str]:
            async with self.door(hosts, names) as door:
                answer = await door.refused(method, target)
                assert answer[0] == 400 or door.proxy.refusals == [answer[1]]
                return answer

        return run(ask())


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    clock = FastClock()
    yield Stage(tmp_path, clock)
    clock.close()


@pytest.fixture
def this_machine_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets names stand for this machine, where the servers of the tests are."""
    real = proxy_module.is_public
    monkeypatch.setattr(proxy_module, "is_public", lambda address: address == HERE or real(address))


async def capitals(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk.upper())
        await writer.drain()


async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a request with itself, and keep the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = head
    if b"chunked" in head:
        body += await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.write(
        b"HTTP/1.1 200 Fine\r\nKeep-Alive: timeout=5\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    await writer.drain()
    await reader.read(1)


@pytest.mark.usefixtures("this_machine_is_public")
def test_a_tunnel(stage: Stage) -> None:
    async def work() -> str:
        names = Names(files_example=[[HERE]])
        async with stage.server(capitals) as port, stage.door([f"files.example:{port}"], names) as door:
            # The first bytes do not wait for the answer.
            reader, writer = await door.connect(
                f"CONNECT Files.Example:{port} HTTP/1.1\r\nhost: x\r\n\r\nhello"
            )
            writer.write(b" you" * 200_000)
            writer.write_eof()
            answer = await reader.read(-1)
            writer.close()
            return answer.decode()

    assert run(work()) == "HTTP/1.1 200 Connection established\r\n\r\nHELLO" + " YOU" * 200_000


@pytest.mark.usefixtures("this_machine_is_public")
def test_a_plain_request(stage: Stage) -> None:
    async def work() -> tuple[int, str]:
        names = Names(files_example=[[HERE]])
        async with stage.server(mirror) as port, stage.door([f"files.example:{port}"], names) as door:
            return port, await door.told(
                f"POST http://me:secret@files.example:{port}//a?b=c#d HTTP/1.1\r\nHost: other.example\r\n"
                "Proxy-Authorization: Basic eA==\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\n"
                "X-Yours: 2\r\n"
                "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            )

    port, answer = run(work())
    head, _, rest = answer.partition("\r\n\r\n")
    asked, _, body = rest.partition("\r\n\r\n")
    assert head.split("\r\n")[0] == "HTTP/1.1 200 Fine"
    assert "keep-alive" not in head.lower()
    line, *headers = asked.split("\r\n")
    assert line == "POST //a?b=c HTTP/1.1"
    assert sorted(header.lower() for header in headers) == [
        "connection: close",
        f"host: files.example:{port}",
        "transfer-encoding: chunked",
        "x-yours: 2",
    ]
    assert body == "5\r\nhello\r\n0\r\n\r\n"


def test_an_address_of_this_machine_that_is_named_itself(stage: Stage) -> None:
    async def work() -> str:
        async with stage.server(mirror) as port, stage.door([f"{HERE}:{port}"]) as door:
            return await door.told(f"GET http://{HERE}:{port} HTTP/1.1\r\nhost: x\r\n\r\n")

    assert "GET / HTTP/1.1\r\n" in run(work())


@pytest.mark.parametrize("method", ["CONNECT", "GET"])
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("evil.example:80", "evil.example:80 is not an allowed host: add evil.example to workspace.hosts"),
        (
            "files.example:8080",
            "files.example:8080 is not an allowed host: files.example is, but not this port: add "
            "files.example:8080 to workspace.hosts",
        ),
        ("127.0.0.1:80", "127.0.0.1:80 is not an allowed host: add 127.0.0.1 to workspace.hosts"),
        ("[::1]:80", "[::1]:80 is not an allowed host: add [::1] to workspace.hosts"),
        ("2130706433:80", "2130706433:80 is not an allowed host: add 2130706433 to workspace.hosts"),
    ],
)
def test_other_hosts_are_refused_and_not_looked_up(
    stage: Stage, method: str, place: str, reason: str
) -> None:
    names = Names(files_example=[["1.1.1.1"]], evil_example=[["1.1.1.1"]])
    target = place if method == "CONNECT" else f"http://{place}/"
    assert stage.refused(["files.example"], names, method, target) == (403, reason)
    assert names.asked == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fe80::1%eth0"])
def test_a_name_of_a_private_address_is_refused(stage: Stage, address: str) -> None:
    status, reason = stage.refused(
        ["files.example"], Names(files_example=[[address]]), "CONNECT", "files.example:443"
    )
    place = f"[{address}]:443" if ":" in address else f"{address}:443"
    assert (status, reason) == (
        403,
        f"files.example is at {address}, which is not a public address: add {place} itself to "
        "workspace.hosts, and use that",
    )


@pytest.mark.usefixtures("this_machine_is_public")
def test_a_name_that_stands_for_another_address_the_next_time(stage: Stage) -> None:
    async def work() -> None:
        names = Names(files_example=[["10.0.0.5", HERE], ["10.0.0.5"]])
        async with stage.server(mirror) as port, stage.door([f"files.example:{port}"], names) as door:
            request = f"GET http://files.example:{port}/ HTTP/1.1\r\nhost: x\r\n\r\n"
            # The public one of two addresses is used, and the name is not resolved again in order to connect.
            assert (await door.told(request)).startswith("HTTP/1.1 200 ")
            assert names.asked == ["files.example"]
            assert (await door.told(request)).startswith("HTTP/1.1 403 files.example is at 10.0.0.5, which ")

    run(work())


@pytest.mark.parametrize(
    ("method", "target", "reason"),
    [
        ("GET", "/simple/", "this is a proxy, for CONNECT HOST:PORT and for http://HOST/ without CONNECT"),
        ("GET", "https://files.example/", "this is a proxy, for CONNECT HOST:PORT and for http://HOST/ "),
        ("GET", "http://", "not the address of a host"),
        ("GET", "http://files.example:x/", "not the address of a host"),
        ("GET", "http://[files]/", "not the address of a host"),
        ("CONNECT", "files.example:443:1", "not the address of a host"),
        ("CONNECT", "http://files.example", "not the address of a host"),
        ("CONNECT", "files.example:70000", "not the address of a host"),
    ],
)
def test_what_is_no_address(stage: Stage, method: str, target: str, reason: str) -> None:
    names = Names(files_example=[["1.1.1.1"]])
    status, told = stage.refused(["files.example"], names, method, target)
    assert status == 400
    assert told.startswith(f"{target}: {reason}")
    assert names.asked == []


def test_what_cannot_be_reached(stage: Stage) -> None:
    async def unused() -> int:
        async with stage.server(mirror) as port:
            return port

    port = run(unused())
    status, reason = stage.refused([f"{HERE}:{port}"], Names(), "CONNECT", f"{HERE}:{port}")
    assert status == 502
    assert reason.startswith(f"{HERE}:{port} cannot be reached: ")
    assert stage.refused(["files.example"], Names(), "CONNECT", "files.example:443") == (
        502,
        "files.example:443 cannot be reached: Name or service not known",
    )


def test_a_name_service_that_does_not_answer(stage: Stage) -> None:
    async def silent(_host: str, _port: int) -> list[str]:
        return await asyncio.get_running_loop().create_future()

    assert stage.refused(["files.example"], silent, "CONNECT", "files.example:443") == (
        504,
        "files.example:443 does not answer within 30 s",
    )


@pytest.mark.parametrize("sent", ["\0\1\2 nonsense\r\n\r\n", "GET / HTTP/1.1\r\nX: " + "x" * 100_000])
def test_what_is_not_http(stage: Stage, sent: str) -> None:
    async def work() -> str:
        async with stage.door(["files.example"]) as door:
            return await door.told(sent)

    assert run(work()).split(" ")[1] in ("400", "431")


def test_a_client_that_is_slow_to_ask(stage: Stage) -> None:
    async def work() -> str:
        async with stage.door(["files.example"]) as door:
            return await door.told("CONNECT files.exam")

    assert run(work()).endswith("no request within 60 s\n")


@pytest.mark.parametrize("method", ["CONNECT", "GET"])
def test_a_client_that_does_not_read_is_cut_off(stage: Stage, method: str) -> None:
    ended = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        finally:
            ended.set()

    async def work() -> None:
        async with stage.server(endless) as port, stage.door([f"{HERE}:{port}"]) as door:
            place = f"{HERE}:{port}"
            head = f"CONNECT {place}" if method == "CONNECT" else f"GET http://{place}/"
            _, writer = await door.connect(f"{head} HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            await ended.wait()
            writer.close()

    run(work())


def test_a_client_that_goes_away_in_the_middle_of_its_request(stage: Stage) -> None:
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                pass
        finally:
            ended.set()

    async def work() -> None:
        async with stage.server(listen) as port, stage.door([f"{HERE}:{port}"]) as door:
            request = f"PUT http://{HERE}:{port}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhello"
            _, writer = await door.connect(request)
            writer.close()
            await ended.wait()

    run(work())


def test_an_answer_that_is_not_http(stage: Stage) -> None:
    async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()

    async def work() -> str:
        async with stage.server(nonsense) as port, stage.door([f"{HERE}:{port}"]) as door:
            return await door.told(f"GET http://{HERE}:{port}/ HTTP/1.1\r\nhost: x\r\n\r\n")

    answer = run(work())
    assert answer.startswith("HTTP/1.1 502 127.0.0.1:")
    assert "gave no valid answer" in answer


def test_an_answer_that_breaks_off(stage: Stage) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()

    async def work() -> str:
        async with stage.server(broken) as port, stage.door([f"{HERE}:{port}"]) as door:
            return await door.told(f"GET http://{HERE}:{port}/ HTTP/1.1\r\nhost: x\r\n\r\n")

    head, _, body = run(work()).partition("\r\n\r\n")
    assert "content-length: 100" in head.lower()
    assert body == "half"


def test_connections_are_bounded_and_end_with_the_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "MOST_CONNECTIONS", 3)

    async def work() -> None:
        async with stage.server(capitals) as port:
            request = f"CONNECT {HERE}:{port} HTTP/1.1\r\nhost: x\r\n\r\n"
            async with stage.door([f"{HERE}:{port}"]) as door:
                tunnels = [await door.connect(request) for _ in range(3)]
                for reader, _ in tunnels:
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                waiting, last = await door.connect(request)
                answer = asyncio.create_task(waiting.readuntil(b"\r\n\r\n"))
                tunnels[1][1].write(b"still here")
                assert await tunnels[1][0].readexactly(10) == b"STILL HERE"
                assert not answer.done()
                tunnels[0][1].close()
                assert (await answer).startswith(b"HTTP/1.1 200 ")
            assert [await reader.read() for reader, _ in tunnels[1:]] == [b"", b""]
            assert await waiting.read() == b""
            for writer in (*(writer for _, writer in tunnels), last):
                writer.close()

    run(work())
