"""What agents with a client of their own can do through the gateway, and what it costs."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from recursor.agents.gateway import http as gateway_http
from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.rates import Rate
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError, Budget, BudgetExceededError, Spend
from tests.agents.gateway.conftest import ANTHROPIC_KEY, Client, client_of
from tests.agents.model.conftest import KEY, Books, FastClock, RunMaker
from tests.agents.model.loop import agent_loop
from tests.model_stub.answers import Answer, Fault, always, in_turn
from tests.model_stub.server import ModelStub

Through = Callable[[Run, Any], Any]


def test_a_chat(through: Through, make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer("Hello to you.", input_tokens=12, output_tokens=5))

    async def work(client: Client) -> tuple[dict[str, Any], Any]:
        response = await client.chat(temperature=0.3, unknown_field={"a": [1]})
        assert response.status_code == 200
        return response.json(), client.gateway.usage

    answer, usage = through(make_run(), work)
    assert answer["choices"][0]["message"]["content"] == "Hello to you."
    (call,) = stub.calls
    assert call.path == "/v1/chat/completions"
    assert (call.model, call.key) == ("gpt-4o", f"Bearer {KEY}")
    assert call.body["temperature"] == 0.3
    assert call.body["unknown_field"] == {"a": [1]}
    assert call.body["max_completion_tokens"] == 1000
    assert books.runs == 1
    assert [spent and spent.tokens for spent in books.settled] == [17]
    assert (usage.model, usage.input_tokens, usage.output_tokens) == ("openai:gpt-4o", 12, 5)


def test_a_streamed_chat_passes_unchanged_and_is_counted(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(
        Answer("Hello to you, and to all others.", input_tokens=12, output_tokens=5, piece=3)
    )

    async def work(client: Client) -> tuple[str, str]:
        plain = await client.chat(stream=True)
        asked = await client.chat(stream=True, stream_options={"include_usage": True})
        assert plain.headers["content-type"] == "text/event-stream"
        return plain.text, asked.text

    plain, asked = through(make_run(), work)
    assert [spent and spent.tokens for spent in books.settled] == [17, 17]
    assert all(call.body["stream_options"] == {"include_usage": True} for call in stub.calls)
    chunks = [json.loads(line[6:]) for line in plain.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == (
        "Hello to you, and to all others."
    )
    assert plain.endswith("data: [DONE]\n\n")
    # Only the client that asked for the usage gets it.
    assert asked.count("usage") == 1
    assert plain.count("usage") == 0
    assert asked.count("data: ") == plain.count("data: ") + 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_response(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books, stream: bool
) -> None:
    stub.script = always(Answer("Hello.", input_tokens=12, output_tokens=5))

    async def work(client: Client) -> httpx.Response:
        return await client.post("/v1/responses", {"model": "any", "input": "Hello", "stream": stream})

    response = through(make_run(), work)
    assert response.status_code == 200
    assert "Hello." in response.text
    assert stub.calls[0].body["max_output_tokens"] == 1000
    assert [spent and spent.tokens for spent in books.settled] == [17]


@pytest.mark.parametrize("stream", [False, True])
def test_a_message(through: Through, anthropic_run: Run, stub: ModelStub, books: Books, stream: bool) -> None:
    stub.script = always(Answer("Hello.", input_tokens=12, output_tokens=5))

    async def work(client: Client) -> httpx.Response:
        cached = {"type": "text", "text": "You", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        return await client.message(system=[cached], stream=stream)

    response = through(anthropic_run, work)
    assert response.status_code == 200
    (call,) = stub.calls
    assert (call.path, call.model, call.key) == ("/v1/messages", "claude-haiku-4-5", ANTHROPIC_KEY)
    assert call.body["max_tokens"] == 100
    assert call.body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert [spent and spent.tokens for spent in books.settled] == [17]


def test_tokens_are_counted_for_nothing(
    through: Through, anthropic_run: Run, stub: ModelStub, books: Books
) -> None:
    async def work(client: Client) -> httpx.Response:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hello"}]}
        return await client.post("/v1/messages/count_tokens", body)

    assert through(anthropic_run, work).status_code == 200
    assert stub.calls[0].path == "/v1/messages/count_tokens"
    assert (books.runs, books.most) == (0, [])


def test_the_models_are_that_of_the_run(through: Through, make_run: RunMaker, anthropic_run: Run) -> None:
    async def work(client: Client) -> list[Any]:
        given = {"anthropic-version": "2023-06-01"}
        one = await client.http.get(f"/v1/models/{client.gateway.model}")
        return [
            [each["id"] for each in (await client.http.get("/v1/models", headers=headers)).json()["data"]]
            for headers in ({}, given)
        ] + [one.json()["id"]]

    assert through(make_run(), work) == [["gpt-4o"], ["gpt-4o"], "gpt-4o"]
    assert through(anthropic_run, work)[0] == ["claude-haiku-4-5"]


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}, {"authorization": "Bearer é"}]
)
def test_a_wrong_token(
    through: Through, make_run: RunMaker, stub: ModelStub, headers: dict[str, str]
) -> None:
    async def work(client: Client) -> httpx.Response:
        encoded = {name: value.encode() for name, value in headers.items()}
        return await client.http.post("/v1/chat/completions", json={}, headers=encoded)

    response = through(make_run(), work)
    assert response.status_code == 401
    assert response.json()["error"]["message"].startswith("wrong token")
    assert stub.calls == []


def test_the_token_of_another_run(make_run: RunMaker, tmp_path: Path, stub: ModelStub) -> None:
    async def work() -> int:
        async with (
            client_of(make_run(), tmp_path / "a") as one,
            client_of(make_run(), tmp_path / "b") as other,
        ):
            one.http.headers["authorization"] = f"Bearer {other.gateway.token}"
            return (await one.chat()).status_code

    assert agent_loop().run(work()) == 401
    assert stub.calls == []


def test_a_run_that_has_ended(make_run: RunMaker, door: Path, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer(fault=Fault.HANG))

    async def work() -> None:
        async with client_of(make_run(), door) as client:
            calling = asyncio.create_task(client.chat())
            await asyncio.to_thread(stub.wait_until, lambda stub: stub.answering == 1)
            outside = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(door)))
        with pytest.raises(httpx.HTTPError):
            await calling
        async with outside:
            with pytest.raises(httpx.ConnectError):
                await outside.get("http://gateway/v1/models")

    agent_loop().run(work())
    # What was sent is paid for: its cost is unknown, and the maximum counts.
    assert books.settled == [None]
    assert books.open == {}
    stub.wait_until(lambda stub: stub.hung_up == 1)


def test_a_budget_that_is_used_up_refuses_the_call_and_ends_the_run(
    make_run: RunMaker, door: Path, stub: ModelStub, books: Books
) -> None:
    books.budget = Budget(tokens=100)
    ended = threading.Event()

    async def work() -> None:
        async with client_of(make_run(), door) as client:

            async def agent() -> None:
                try:
                    await client.chat()
                    await asyncio.Event().wait()
                finally:
                    ended.set()

            await client.gateway.guard(agent())

    with pytest.raises(BudgetExceededError, match="too much"):
        agent_loop().run(work())
    assert ended.is_set()
    assert stub.calls == []


def test_a_budget_in_openais_format(through: Through, make_run: RunMaker, books: Books) -> None:
    books.budget = Budget(tokens=100)

    async def work(client: Client) -> httpx.Response:
        return await client.chat()

    response = through(make_run(), work)
    assert response.status_code == 402
    assert response.json()["error"]["type"] == "insufficient_quota"


def test_a_budget_in_anthropics_format(through: Through, anthropic_run: Run, books: Books) -> None:
    books.budget = Budget(tokens=100)

    async def work(client: Client) -> httpx.Response:
        return await client.message()

    response = through(anthropic_run, work)
    assert response.status_code == 402
    assert response.json()["error"]["type"] == "billing_error"


def test_the_maximum_is_reserved(through: Through, make_run: RunMaker, books: Books) -> None:
    async def work(client: Client) -> None:
        await client.chat("x" * 1000, max_tokens=50, n=3)
        await client.chat("x" * 1000)
        image = {"type": "image_url", "image_url": {"url": "https://example.com/i.png"}}
        messages = [{"role": "user", "content": [image]}]
        await client.post("/v1/chat/completions", {"messages": messages})

    through(make_run(), work)
    first, second, third = (most.tokens for most in books.most)
    assert 1000 + 150 < first < 1000 + 150 + 5000
    assert 1000 + 1000 < second < 1000 + 1000 + 5000
    assert third == 128_000 + 1000


def test_calls_wait_for_the_budget_that_others_have_reserved(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    books.budget = Budget(tokens=8_000)
    stub.script = always(Answer(input_tokens=10, output_tokens=10))

    async def work(client: Client) -> list[int]:
        return [each.status_code for each in await asyncio.gather(*(client.chat() for _ in range(6)))]

    assert through(make_run(), work) == [200] * 6
    assert stub.most_at_once == 1
    assert books.spent.tokens == 120


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/v1/chat/completions", {"web_search_options": {}}, "web_search_options: what it costs"),
        ("/v1/chat/completions", {"service_tier": "priority"}, "service_tier priority"),
        ("/v1/chat/completions", {"max_tokens": "many"}, "must be whole numbers"),
        ("/v1/chat/completions", {"n": 0}, "must be whole numbers"),
        ("/v1/responses", {"tools": [{"type": "web_search"}]}, "the tool web_search"),
        ("/v1/responses", {"background": True}, "background"),
        (
            "/v1/responses",
            {"tools": [{"type": "namespace", "tools": [{"type": "function"}, {"type": "web_search"}]}]},
            "the tool web_search",
        ),
        ("/v1/embeddings", {}, "cannot be counted"),
        ("/v1/files", {}, "cannot be counted"),
        ("/v1/messages", {}, "is asked in OpenAI's format"),
        ("/../etc", {}, "cannot be counted"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    through: Through, make_run: RunMaker, stub: ModelStub, path: str, body: dict[str, Any], problem: str
) -> None:
    async def work(client: Client) -> httpx.Response:
        return await client.post(path, body)

    response = through(make_run(), work)
    assert response.status_code in (400, 404)
    assert problem in response.json()["error"]["message"]
    assert "\n" not in response.json()["error"]["message"]
    assert stub.calls == []


def test_groups_of_tools_that_the_client_carries_out_are_passed_on(
    through: Through, make_run: RunMaker, stub: ModelStub
) -> None:
    body = {"input": "Hello", "tools": [{"type": "namespace", "tools": [{"type": "function", "name": "a"}]}]}

    async def work(client: Client) -> httpx.Response:
        return await client.post("/v1/responses", body)

    assert through(make_run(), work).status_code == 200
    assert stub.calls[0].body["tools"] == body["tools"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "the tool web_search_20250305"),
        ({"mcp_servers": [{"url": "https://example.com"}]}, "mcp_servers"),
        ({"speed": "fast"}, "speed"),
    ],
)
def test_what_cannot_be_counted_at_anthropic(
    through: Through, anthropic_run: Run, stub: ModelStub, body: dict[str, Any], problem: str
) -> None:
    async def work(client: Client) -> httpx.Response:
        return await client.message(**body)

    response = through(anthropic_run, work)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert problem in response.json()["error"]["message"]
    assert stub.calls == []


def test_tools_of_the_client_are_passed_on(through: Through, anthropic_run: Run, stub: ModelStub) -> None:
    async def work(client: Client) -> httpx.Response:
        # A parameter of a tool may have any name.
        schema = {"type": "object", "properties": {"type": {"const": "image"}, "file": {"type": "string"}}}
        tools = [
            {"name": "read", "input_schema": schema},
            {"type": "bash_20250124", "name": "bash"},
        ]
        return await client.message(tools=tools)

    assert through(anthropic_run, work).status_code == 200
    assert len(stub.calls[0].body["tools"]) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_nonsense(through: Through, make_run: RunMaker, stub: ModelStub, body: bytes) -> None:
    async def work(client: Client) -> httpx.Response:
        return await client.http.post("/v1/chat/completions", content=body)

    assert through(make_run(), work).status_code == 400
    assert stub.calls == []


@pytest.mark.parametrize("sent", [b"\x00\x01\r\n\r\n", b"GET " + b"x" * 200_000, b"POST / HTTP/1.1\r\n\r\n"])
def test_what_is_not_http(make_run: RunMaker, door: Path, sent: bytes) -> None:
    async def work() -> tuple[bytes, int]:
        async with client_of(make_run(), door) as client:
            reader, writer = await asyncio.open_unix_connection(door)
            writer.write(sent)
            told = await reader.read(12)
            writer.close()
            return told, (await client.chat()).status_code

    told, status = agent_loop().run(work())
    assert told.startswith(b"HTTP/1.1 4")
    assert status == 200


def test_a_request_that_is_too_large(
    through: Through, make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_http, "MOST_BYTES", 10_000)

    async def work(client: Client) -> int:
        return (await client.chat("x" * 50_000)).status_code

    assert through(make_run(), work) == 413
    assert stub.calls == []


def test_a_refusal_of_the_provider_is_passed_on_and_closes_it_for_all(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books, exchange: Exchange
) -> None:
    stub.script = always(Answer("Too many.", status=429, headers={"retry-after": "1000"}))
    run = make_run()

    async def work(client: Client) -> list[httpx.Response]:
        return [await client.chat(), await client.chat()]

    first, second = through(run, work)
    assert (first.status_code, first.headers["retry-after"]) == (429, "1000")
    assert first.json()["error"]["message"] == "Too many."
    # The next is not sent.
    assert second.status_code == 429
    assert 0 < float(second.headers["retry-after"]) <= 1000
    assert len(stub.calls) == 1
    assert books.settled == [Spend()]
    assert exchange.limiter.closed_until("openai:gpt-4o", stub.url) > exchange.clock.now()


def test_rates_are_shared_with_our_own_calls(stub: ModelStub, books: Books, door: Path) -> None:
    clock = FastClock()
    os.environ.setdefault("OPENAI_API_KEY", KEY)
    exchange = Exchange(clock, {"openai": Rate(concurrent=2)})
    stub.script = always(Answer(latency=0.02))
    settings = Settings().overridden({"model": {"name": "openai:gpt-4o", "base_url": stub.url}})
    run = Run("e", "builder", 1, "", settings, clock.now() + 20_000, meter=books, models=exchange)

    async def work() -> list[int]:
        async with client_of(run, door) as client:
            permit = await exchange.limiter.acquire("openai:gpt-4o", stub.url, 10, 5, run.aside, None)
            statuses = await asyncio.gather(*(client.chat() for _ in range(8)))
            exchange.limiter.release(permit)
            return [each.status_code for each in statuses]

    async def whole() -> list[int]:
        try:
            return await work()
        finally:
            await exchange.aclose()

    assert agent_loop().run(whole()) == [200] * 8
    clock.close()
    # One of the two places was taken.
    assert stub.most_at_once == 1


@pytest.mark.parametrize("fault", [Fault.RESET_WITHIN, Fault.CLOSE_WITHIN])
def test_a_provider_that_dies_in_the_middle_of_a_stream(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books, fault: Fault
) -> None:
    stub.script = always(Answer("Hello to you. " * 20, fault=fault))

    async def work(client: Client) -> str:
        return (await client.chat(stream=True)).text

    text = through(make_run(), work)
    assert "the answer broke off" in json.loads(text.rpartition("data: ")[2])["error"]["message"]
    assert "[DONE]" not in text
    assert books.settled == [None]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions"])
def test_a_provider_that_dies_before_its_answer(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books, path: str
) -> None:
    stub.script = always(Answer(fault=Fault.RESET))

    async def work(client: Client) -> httpx.Response:
        return await client.post(path, {"input": "x", "messages": []})

    response = through(make_run(), work)
    assert response.status_code == 502
    assert books.settled == [None]


def test_a_provider_that_cannot_be_reached(through: Through, make_run: RunMaker, books: Books) -> None:
    async def work(client: Client) -> httpx.Response:
        return await client.chat()

    response = through(make_run(base_url="http://127.0.0.1:9/v1"), work)
    assert response.status_code == 502
    assert "cannot be reached" in response.json()["error"]["message"]
    assert books.settled == [Spend()]


def test_a_provider_that_never_answers(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(fault=Fault.HANG))

    async def work(client: Client) -> httpx.Response:
        return await client.chat()

    response = through(make_run(call_seconds=20), work)
    assert response.status_code == 504
    assert "model.call_seconds = 20" in response.json()["error"]["message"]
    assert books.settled == [None]


def test_a_provider_that_does_not_say_what_was_used(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(reports_usage=False))

    async def work(client: Client) -> None:
        await client.chat(stream=True)
        await client.chat()

    through(make_run(), work)
    # Whoever does not say it is paid the maximum.
    assert books.settled == [None, None]


def test_a_key_that_is_refused_needs_a_person(make_run: RunMaker, door: Path, stub: ModelStub) -> None:
    stub.script = always(Answer(f"Incorrect API key provided: {KEY}", status=401))

    async def work() -> str:
        async with client_of(make_run(), door) as client:
            text: list[str] = []

            async def agent() -> None:
                text.append((await client.chat()).text)
                await asyncio.Event().wait()

            with pytest.raises(AgentFailedError) as caught:
                await client.gateway.guard(agent())
            assert caught.value.suspend
            return "\n".join([*text, str(caught.value)])

    told = agent_loop().run(work())
    assert "HTTP 401" in told
    assert KEY not in told


def test_a_model_that_the_gateway_cannot_ask(
    make_run: RunMaker, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "google-key-of-tests")

    async def work() -> None:
        async with client_of(make_run(name="google:gemini-2.5-flash", base_url=None), door):
            pass

    with pytest.raises(AgentFailedError, match="agents with a client of their own need"):
        agent_loop().run(work())


def test_a_client_that_goes_away_ends_its_call(
    make_run: RunMaker, door: Path, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(fault=Fault.DRIP))

    async def work() -> None:
        async with client_of(make_run(), door) as client:
            async with client.http.stream(
                "POST", "/v1/chat/completions", json={"messages": [], "stream": True}
            ) as response:
                await anext(response.aiter_bytes())
            await asyncio.to_thread(stub.wait_until, lambda stub: stub.hung_up == 1)

    agent_loop().run(work())
    assert books.settled == [None]


def test_a_client_that_does_not_read_is_cut_off(
    make_run: RunMaker, door: Path, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer("Hello. " * 100_000, piece=200_000, fault=Fault.DRIP))

    async def work() -> int:
        async with client_of(make_run(call_seconds=100), door) as client:
            _, writer = await asyncio.open_unix_connection(door)
            body = json.dumps({"messages": [], "stream": True}).encode()
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
                b"authorization: Bearer " + client.gateway.token.encode() + b"\r\n"
                b"content-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            )
            await asyncio.to_thread(stub.wait_until, lambda stub: stub.hung_up == 1)
            stub.script = always(Answer())
            status = (await client.chat()).status_code
            writer.close()
            return status

    assert agent_loop().run(work()) == 200
    assert books.settled[0] is None


def test_many_requests_at_once_are_bounded(
    make_run: RunMaker, door: Path, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(input_tokens=1, output_tokens=1))
    requests = 1_000

    async def work() -> int:
        async with client_of(make_run(), door) as client:
            body = json.dumps({"messages": []}).encode()
            request = (
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
                b"authorization: Bearer " + client.gateway.token.encode() + b"\r\n"
                b"content-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            )
            answered = 0
            in_the_queue = asyncio.Semaphore(120)  # asyncio takes a full queue of the system for a connection

            async def one() -> None:
                nonlocal answered
                async with in_the_queue:
                    reader, writer = await asyncio.open_unix_connection(door)
                    writer.write(request)
                    told = await reader.read()
                    answered += told.startswith(b"HTTP/1.1 200")
                    writer.close()
                    await writer.wait_closed()

            await asyncio.gather(*(one() for _ in range(requests)))
            return answered

    assert agent_loop().run(work()) == requests
    assert stub.most_at_once <= gateway_http.MOST_CONNECTIONS
    assert books.spent.tokens == 2 * requests


def test_usage_adds_up(through: Through, make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = in_turn(Answer(input_tokens=10, output_tokens=1), Answer(input_tokens=20, output_tokens=2))

    async def work(client: Client) -> Any:
        await client.chat()
        await client.chat()
        return client.gateway.usage

    usage = through(make_run(), work)
    assert (usage.input_tokens, usage.output_tokens) == (30, 3)
    assert usage.cost is not None


def test_a_run_that_was_cancelled_asks_no_more(
    through: Through, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    run = make_run()
    run.cancelled.set()

    async def work(client: Client) -> httpx.Response:
        return await client.chat()

    response = through(run, work)
    assert response.status_code == 503
    assert "the run was stopped" in response.json()["error"]["message"]
    assert stub.calls == []
    assert books.open == {}
