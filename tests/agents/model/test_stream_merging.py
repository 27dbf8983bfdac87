"""Streams of answers, merged: less to read, and the same said."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from recursor.agents.model.stream_merging import MOST_GATHERED, Merged
from tests.agents.model.asked import GOOD, plan
from tests.agents.model.conftest import RunMaker
from tests.model_stub.answers import Answer, always
from tests.model_stub.server import PATIENCE, ModelStub


class Body:
    """A response that comes in pieces, and may break."""

    def __init__(self, pieces: Iterable[bytes], breaks: Exception | None = None) -> None:
        self.pieces = list(pieces)
        self.breaks = breaks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.pieces:
            yield self.pieces.pop(0)
        if self.breaks is not None:
            raise self.breaks

    async def aclose(self) -> None:
        self.closed = True


def passed(pieces: Iterable[bytes]) -> list[bytes]:
    """What is read of a body, piece by piece."""

    async def read() -> list[bytes]:
        return [piece async for piece in Merged(Body(pieces))]

    return asyncio.run(read())


def event(content: Any, kind: str = "") -> bytes:
    head = f"event: {kind}\n" if kind else ""
    return f"{head}data: {json.dumps(content)}\n\n".encode()


def contents(passed: Iterable[bytes]) -> list[Any]:
    return [
        json.loads(line.removeprefix(b"data: "))
        for line in b"".join(passed).splitlines()
        if line.startswith(b"data: {")
    ]


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish_reason", None)}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


def call(arguments: str, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {"arguments": arguments}, **more}]}


def test_texts_of_a_chat_become_one_and_its_end_stays() -> None:
    first = chunk({"role": "assistant", "content": "", "refusal": None}, system_fingerprint="f")
    texts = [chunk({"content": text}, system_fingerprint="f") for text in ("Bring ", "wäter ", "🍵.")]
    end = chunk({}, finish_reason="stop")
    usage = {**chunk({}), "choices": [], "usage": {"total_tokens": 3}}
    sent = [*map(event, (first, *texts, end, usage)), b"data: [DONE]\n\n"]
    (read,) = passed(sent)
    merged, *rest = contents([read])
    assert merged["choices"][0]["delta"] == {
        "role": "assistant",
        "content": "Bring wäter 🍵.",
        "refusal": None,
    }
    assert rest == [end, usage]
    assert read.endswith(b"data: [DONE]\n\n")


def test_arguments_of_a_tool_become_one_and_those_of_the_next_another() -> None:
    function = {"name": "plan", "arguments": ""}
    begun = chunk({"tool_calls": [{"index": 0, "id": "x", "type": "function", "function": function}]})
    pieces = [chunk(call(text)) for text in ('{"a', '": 1}')]
    other = chunk({"tool_calls": [{"index": 1, "id": "y", "function": {"name": "go", "arguments": "{}"}}]})
    merged = contents(passed(map(event, (begun, *pieces, other))))
    calls = [each["choices"][0]["delta"]["tool_calls"][0] for each in merged]
    assert [(each["id"], each["function"]["arguments"]) for each in calls] == [("x", '{"a": 1}'), ("y", "{}")]


@pytest.mark.parametrize(
    "later",
    [
        chunk({"content": "b"}, usage={"total_tokens": 1}),
        chunk({"content": "b", "reasoning": "because"}),
        chunk({"content": "b"}, id="c2"),
        {**chunk({"content": "b"}), "choices": chunk({"content": "b"})["choices"] * 2},
        chunk({"content": None}),
        chunk({"content": "b"}, finish_reason="stop"),
        {"error": {"message": "no"}},
    ],
)
def test_what_says_more_stays_as_it_is(later: dict[str, Any]) -> None:
    sent = [chunk({"content": "a"}), later]
    assert contents(passed(map(event, sent))) == sent


@pytest.mark.parametrize(("kind", "name"), [("text_delta", "text"), ("input_json_delta", "partial_json")])
def test_blocks_of_messages_become_one(kind: str, name: str) -> None:
    def block(text: str, index: int) -> bytes:
        content = {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: text}}
        return event(content, "content_block_delta")

    ping = event({"type": "ping"}, "ping")
    (read,) = passed([block("a", 0), block("b", 0), block("c", 1), ping, block("d", 1)])
    assert [each["delta"][name] for each in contents([read]) if "delta" in each] == ["ab", "c", "d"]
    assert read.startswith(b"event: content_block_delta\ndata: ")
    assert ping in read


def test_texts_of_responses_become_one() -> None:
    def said(text: str, number: int, **more: Any) -> bytes:
        kind = "response.output_text.delta"
        place = {"item_id": "i", "output_index": 0, "content_index": 0}
        return event({"type": kind, **place, "delta": text, "sequence_number": number, **more}, kind)

    read = passed(
        [said("a", 1, logprobs=[]), said("b", 2, obfuscation="x"), said("c", 3, logprobs=[{"x": 1}])]
    )
    assert [each["delta"] for each in contents(read)] == ["ab", "c"]


@pytest.mark.parametrize(
    "sent",
    [
        [b'data: {"a": 1}\r\n\r\n', b'data: {"b": 1}\r\n\r\n'],
        [b": nothing yet\n\n", b"data: {not json\n\n", b"data: 1\n\ndata: []\n\n"],
        [b'data: {"a":\ndata: 1}\n\n'],
        [b"data: " + b"x" * 200_000, b"x\n\nda", b"ta: y\n\n"],
        [b"<html>no events</html>"],
        [event(chunk({"content": "a"}))[:-1]],
        [],
    ],
)
def test_what_it_does_not_know_passes_unchanged(sent: list[bytes]) -> None:
    assert b"".join(passed(sent)) == b"".join(sent)


def said(piece: bytes) -> str:
    return "".join(each["choices"][0]["delta"]["content"] for each in contents([piece]))


class Dialogue:
    """A body that goes on when what it has sent so far was read."""

    def __init__(self, *parts: list[bytes]) -> None:
        self.parts = parts
        self.read = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            for piece in part:
                yield piece
            await self.read.wait()
            self.read.clear()

    async def aclose(self) -> None:
        pass


def read_of(body: Dialogue, gather_seconds: float) -> list[bytes]:
    """What is read of it, piece by piece; it fails when nothing more is read of what has come."""

    async def read() -> list[bytes]:
        read = []
        async with asyncio.timeout(PATIENCE):
            async for piece in Merged(body, gather_seconds):
                read.append(piece)
                body.read.set()
        return read

    return asyncio.run(read())


def test_who_watches_is_told_although_nothing_more_comes() -> None:
    texts = [event(chunk({"content": text})) for text in "abcd"]
    assert [said(piece) for piece in read_of(Dialogue(texts[:2], texts[2:]), 0.05)] == ["ab", "cd"]


@pytest.mark.parametrize(
    "end",
    [
        event(chunk({}, finish_reason="stop")),
        event({**chunk({}), "choices": [], "usage": {"total_tokens": 3}}),
        b"data: [DONE]\n\n",
        event({"type": "message_stop"}, "message_stop"),
        event({"type": "response.completed"}, "response.completed"),
    ],
)
def test_what_may_be_the_end_waits_for_nothing(end: bytes) -> None:
    text = event(chunk({"content": "a"}))
    first, *_ = read_of(Dialogue([text, end]), 2 * PATIENCE)
    assert first.endswith(end)


def test_more_than_is_gathered_waits_until_it_is_read() -> None:
    body = Body([event(chunk({"content": "x" * 40_000}))] * 5)

    async def read() -> int:
        merged = Merged(body, 2 * PATIENCE)
        async with asyncio.timeout(PATIENCE):
            async for piece in merged:
                assert len(piece) > MOST_GATHERED
                return len(body.pieces)
        raise AssertionError

    assert asyncio.run(read()) == 3


def test_what_came_before_a_break_is_read() -> None:
    body = Body([event(chunk({"content": text})) for text in "ab"], ConnectionResetError("gone"))
    read: list[bytes] = []

    async def collect() -> None:
        async for piece in Merged(body):
            read.append(piece)

    with pytest.raises(ConnectionResetError):
        asyncio.run(collect())
    assert contents(read)[0]["choices"][0]["delta"]["content"] == "ab"


def test_whoever_stops_at_the_last_event_finds_the_end() -> None:
    async def read() -> list[bytes]:
        merged = Merged(Body([b"data: [DONE]\n\n"]))
        return [piece async for piece in merged] + [piece async for piece in merged]

    assert asyncio.run(read()) == [b"data: [DONE]\n\n"]


def test_a_body_that_is_let_go_of_is_closed() -> None:
    body = Dialogue([b"data: 1\n\n"])

    async def read() -> set[Any]:
        merged = Merged(body)
        async for _ in merged:
            break
        await merged.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(read()) == set()


def test_calls_keep_their_connection(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    for _ in range(3):
        plan(make_run())
    assert (len(stub.calls), stub.connections) == (3, 1)


def test_a_long_answer_arrives_whole(make_run: RunMaker, stub: ModelStub) -> None:
    steps = [f"step {number} of a thousand" for number in range(1000)]
    stub.script = always(Answer(arguments={"title": "Tea", "steps": steps}, piece=3))
    assert plan(make_run()).output.steps == steps
