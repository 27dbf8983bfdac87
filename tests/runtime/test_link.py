"""What one process sends the other gets, in order, until one of them is gone."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from recursor.runtime import link as link_module
from recursor.runtime.link import Link, Request, Requests, Response

LONG = "x" * 5_000_000


def joined(work: Callable[[Link, Link], Awaitable[None]]) -> None:
    """Run a coroutine with both ends of a link."""

    async def run() -> None:
        one, other = [await Link.over(each) for each in socket.socketpair()]
        try:
            async with asyncio.timeout(60):
                await work(one, other)
        finally:
            one.close()
            other.close()

    asyncio.run(run())


def test_messages_arrive_in_order_however_long() -> None:
    async def work(one: Link, other: Link) -> None:
        sent = [LONG, {"a": (1, None)}, "", LONG]
        for message in sent:
            one.send(message)
        assert [await other.receive() for _ in sent] == sent
        other.send("back")
        assert await one.receive() == "back"

    joined(work)


def test_what_was_sent_arrives_although_the_end_is_closed() -> None:
    async def work(one: Link, other: Link) -> None:
        one.send(LONG)
        one.send("last")
        one.close()
        one.send("too late")
        assert [await other.receive(), await other.receive()] == [LONG, "last"]
        with pytest.raises(EOFError):
            await other.receive()
        with pytest.raises(EOFError):
            await one.receive()

    joined(work)


def test_sending_waits_for_nobody_unless_it_is_asked_to() -> None:
    async def work(one: Link, other: Link) -> None:
        one.send(LONG)
        assert one.unsent > 0
        draining = asyncio.create_task(one.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        assert await other.receive() == LONG
        await draining
        assert one.unsent < len(LONG)

    joined(work)


def test_who_waits_for_a_reader_that_is_gone_is_told() -> None:
    async def work(one: Link, other: Link) -> None:
        one.send(LONG)
        draining = asyncio.create_task(one.drain())
        await asyncio.sleep(0)
        other.close()
        with pytest.raises(EOFError):
            await draining

    joined(work)


def test_a_message_in_pieces_of_one_that_dies_is_none() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        link = await Link.over(ours)
        theirs.sendall((1000).to_bytes(8) + b"half")
        theirs.close()
        with pytest.raises(EOFError):
            await link.receive()
        link.close()

    asyncio.run(run())


def test_what_is_too_large_or_cannot_be_pickled_is_refused_where_it_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "LARGEST_MESSAGE", 100)

    async def work(one: Link, other: Link) -> None:
        with pytest.raises(ValueError, match=r"a message of 1[0-9][0-9] bytes is larger than 100"):
            one.send("x" * 100)
        with pytest.raises(AttributeError):
            one.send(lambda: None)
        one.send("fine")
        assert await other.receive() == "fine"

    joined(work)


def test_each_request_gets_its_own_answer() -> None:
    async def run() -> None:
        sent: list[object] = []
        requests = Requests(sent.append)
        (_, first), (second_id, second) = requests.ask("a"), requests.ask("b")
        assert [each.content for each in sent if isinstance(each, Request)] == ["a", "b"]
        requests.answered(Response(second_id, 2))
        requests.answered(Response(second_id, 3))
        requests.answered(Response(99, 4))
        assert await second == 2
        requests.fail(EOFError("gone"))
        with pytest.raises(EOFError, match="gone"):
            await first

    asyncio.run(run())


def test_a_request_that_cannot_be_sent_is_not_open() -> None:
    def refuse(_: object) -> None:
        raise ValueError("too large")

    async def run() -> None:
        requests = Requests(refuse)
        with pytest.raises(ValueError, match="too large"):
            requests.ask("a")
        requests.fail(EOFError("gone"))

    asyncio.run(run())
