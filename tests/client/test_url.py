"""What a person is told when a runner elsewhere does not do what it was asked for."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from typing import Any

import pytest

from recursor.client import AsyncClient, Client, questions, route
from recursor.client import synchronous as blocking
from recursor.domain.errors import InvalidInputError, NotFoundError, RecursorError
from recursor.runner.address import checked_url
from recursor.runner.errors import RunnerSilentError, UnauthorizedError
from recursor.runner.port import listen
from recursor.web.problems import problem_of

OURS = {"recursor-runner": "7", "recursor-version": "99.1"}
STACK = "5eed000000000001"

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives these answers one after the other, and what it was asked for."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            status, headers, body = left.pop(0)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def problem(error: RecursorError) -> bytes:
    return problem_of(error).model_dump_json().encode()


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((401, OURS, b"{}"), UnauthorizedError, "the runner wants its token: set RECURSOR_TOKEN"),
        ((200, {}, b"{}"), RunnerSilentError, "the answer is not from a runner (HTTP 200)"),
        ((502, {}, b"<html>"), RunnerSilentError, "the answer is not from a runner (HTTP 502)"),
        ((200, OURS, b'{"id": 1}'), RunnerSilentError, "the runner has version 99.1"),
        ((404, OURS, b'{"detail": "nothing"}'), RunnerSilentError, "the runner has version 99.1"),
        ((404, OURS, problem(NotFoundError("no stack"))), NotFoundError, "no stack"),
        ((503, OURS, b'{"detail": "it is ending"}'), RunnerSilentError, "it is ending"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_an_answer_that_is_none(answer: Any, kind: type[RecursorError], says: str) -> None:
    with answering(answer) as (url, _), Client(url) as client:
        with pytest.raises(kind) as raised:
            client.stack(STACK)
        assert type(raised.value) is kind
        assert says in str(raised.value)


def test_another_token_is_wanted() -> None:
    with (
        answering((401, OURS, b"{}")) as (url, asked),
        Client(url, token="wrong") as client,
        pytest.raises(UnauthorizedError, match="wants another token"),
    ):
        client.stack(STACK)
    assert asked[0][1]["authorization"] == "Bearer wrong"


def test_nobody_is_there() -> None:
    with listen(0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with Client(url) as client, pytest.raises(RunnerSilentError, match="nothing listens there"):
        client.stack(STACK)


def test_a_runner_elsewhere_is_not_done_without() -> None:
    with answering((200, {}, b"")) as (url, _), Client(url) as client, pytest.raises(RunnerSilentError):
        client.stack(STACK)


def test_a_runner_below_a_path_is_asked_there() -> None:
    page = b'{"items": [], "next": null}'
    with answering((200, OURS, page)) as (url, asked), Client(f"{url}/teams") as client:
        assert client.todos(STACK) == []
    assert asked[0][0].startswith(f"/teams/api/stacks/{STACK}/todos?")


def told(*parts: tuple[str, dict[str, Any]]) -> Answer:
    body = "".join(f"id: {name}\nevent: {data['kind']}\ndata: {json.dumps(data)}\n\n" for name, data in parts)
    return (
        200,
        {**OURS, "content-type": "text/event-stream"},
        f"retry: 1000\nid: a-0\n\n: still here\n\n{body}".encode(),
    )


EVENTS = (
    told(("a-1", {"kind": "trouble"}), ("a-2", {"kind": "stack_waits"})),
    told(("b-1", {"kind": "missed"})),
)


def test_events_continue_after_the_last_one_that_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "RETRY_SECONDS", 0)
    silences: list[str] = []
    with answering(*EVENTS) as (url, asked), Client(url) as client:
        heard = [(each.id, each.kind) for each in islice(client.events(on_silence=silences.append), 3)]
    assert heard == [("a-1", "trouble"), ("a-2", "stack_waits"), ("b-1", "missed")]
    assert "last-event-id" not in asked[0][1]
    assert asked[1][1]["last-event-id"] == "a-2"
    assert len(silences) == 1


def test_events_end_with_the_stream_where_nobody_wants_to_hear_of_silence() -> None:
    with (
        answering(EVENTS[0]) as (url, _),
        Client(url) as client,
        pytest.raises(RunnerSilentError, match="has ended the stream"),
    ):
        list(client.events())


def test_an_async_client_asks_and_listens() -> None:
    page = b'{"items": [], "next": null}'

    async def use(url: str) -> list[str]:
        async with AsyncClient(url) as client:
            assert await client.todos(STACK) == []
            heard: list[str] = []
            with suppress(RunnerSilentError):
                async for each in client.events():
                    heard.append(each.kind)
            return heard

    with answering((200, OURS, page), EVENTS[0]) as (url, _):
        assert asyncio.run(use(url)) == ["trouble", "stack_waits"]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:3002", "http://127.0.0.1:3002"),
        (" https://recursor.example/ ", "https://recursor.example"),
        ("https://example.com/teams/api/", "https://example.com/teams"),
        ("http://[::1]:3002", "http://[::1]:3002"),
    ],
)
def test_an_address(text: str, url: str) -> None:
    assert checked_url(text, "--url") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "recursor.example",
        "host:3002",
        "ftp://host",
        "http://",
        "http://host:0",
        "http://host:99999",
        "http://host/?a=b",
        "http://host/#a",
        "http://ho st",
        "http://h\x1bst",
        "http://[::1",
    ],
)
def test_no_address(text: str) -> None:
    with pytest.raises(InvalidInputError, match="--url: "):
        checked_url(text, "--url")


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(InvalidInputError, match="RECURSOR_TOKEN") as raised:
        checked_url("https://ada:secret@host", "--url")
    assert "secret" not in str(raised.value)


def test_a_token_that_no_runner_can_have_is_no_trouble_of_ours() -> None:
    refusal = (401, OURS, problem(RecursorError("who are you?")))
    with (
        answering(refusal) as (url, asked),
        Client(url, token="Schlüssel\n") as client,
        pytest.raises(UnauthorizedError),
    ):
        client.budget()
    assert asked[0][1]["authorization"] == "Bearer Schl?ssel?"


def test_an_answer_that_takes_long_is_waited_for() -> None:
    call = next(questions.sql("SELECT 1", seconds=3600))
    assert next(route.UrlRoute("http://127.0.0.1:1").steps(call)).seconds > 3600
    call = next(questions.sql("SELECT 1"))
    assert next(route.UrlRoute("http://127.0.0.1:1").steps(call)).seconds == route.REMOTE_SECONDS
