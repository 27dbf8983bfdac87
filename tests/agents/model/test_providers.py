"""Every provider's SDK goes through the same gate: one request a call, with its key, and paid for."""

import logging
import time

import pytest

from recursor.agents.model.exchange import Exchange
from recursor.agents.model.keys import Keys, variables
from recursor.domain.agent import Run
from recursor.domain.rates import Rate
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError
from tests.agents.model.asked import TEA, asking, plan
from tests.agents.model.conftest import Books, RunMaker
from tests.agents.model.loop import agent_loop
from tests.model_stub.answers import Answer, always
from tests.model_stub.server import ModelStub

ADDRESSES = {
    "anthropic:claude-sonnet-5-5": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    "google:gemini-2.5-flash": ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY"),
    "groq:llama-3.3-70b-versatile": ("GROQ_BASE_URL", "GROQ_API_KEY"),
    "ollama:qwen3": ("OLLAMA_BASE_URL", "OLLAMA_API_KEY"),
    "openai:gpt-4o": ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "openai-responses:gpt-4o": ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
}

# What takes more bytes on the wire than it has, and much of it.
AWKWARD = 'é"\\\n\U0001f600\u4e2d' * 2_000


@pytest.mark.parametrize("model", ADDRESSES)
@pytest.mark.parametrize(("status", "expected_calls"), [(400, 1), (500, 4)])
def test_no_sdk_repeats_anything_by_itself(
    model: str,
    status: int,
    expected_calls: int,
    make_run: RunMaker,
    stub: ModelStub,
    books: Books,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, key = ADDRESSES[model]
    monkeypatch.setenv(address, stub.url)
    monkeypatch.setenv(key, "sk-of-this-one")
    stub.script = always(Answer("no luck", status=status))
    with caplog.at_level(logging.DEBUG), pytest.raises(AgentFailedError, match=f"HTTP {status}") as raised:
        plan(make_run(name=model, base_url=None), prompt=AWKWARD)
    assert len(stub.calls) == len(books.most) == expected_calls
    assert books.spent.tokens == 0
    assert books.open == {}
    assert all("sk-of-this-one" in call.key for call in stub.calls)
    assert "sk-of-this-one" not in str(raised.value)
    assert "sk-of-this-one" not in caplog.text


@pytest.mark.parametrize("provider", ["openai", "openai-chat", "openai-responses"])
def test_what_is_for_a_server_of_ones_own_is_sent_nowhere_else(
    provider: str, make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    stub.script = always(Answer("it was here", status=400))
    with pytest.raises(AgentFailedError, match="HTTP 400: it was here"):
        plan(make_run(name=f"{provider}:my-own"))
    assert [call.path for call in stub.calls] == [
        "/v1/responses" if provider == "openai-responses" else "/v1/chat/completions"
    ]


@pytest.mark.parametrize("provider", ["groq", "openai"])
def test_a_limit_holds_however_settings_name_the_address(
    provider: str, stub: ModelStub, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("GROQ_API_KEY", "sk-2")
    monkeypatch.setenv("GROQ_BASE_URL", stub.url.removesuffix("/v1"))
    stub.script = always(Answer(arguments=TEA.model_dump(), latency=0.1))
    exchange = Exchange(rates={provider: Rate(concurrent=1)})
    # It is for OpenAI's models, and whoever sets it for others gets no line of their own.
    given = (
        [("groq:a", None), ("groq:a", "http://a/v1"), ("groq:b", "http://b/v1")]
        if provider == "groq"
        else [("openai:a", stub.url), ("openai:a", stub.url + "/"), ("openai-chat:a", stub.url)]
    )

    def run(name: str, base_url: str | None) -> Run:
        settings = Settings().overridden({"model": {"name": name, "base_url": base_url}})
        return Run("e", "planner", 1, "because", settings, time.time() + 300, meter=books, models=exchange)

    answers = [asking(run(*each)) for each in given * 3]
    assert [answer.result().output for answer in answers] == [TEA] * 9
    agent_loop().run(exchange.aclose())
    assert stub.most_at_once == 1


def test_a_key_from_the_keyring_is_used_after_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def get_password(service: str, name: str) -> str | None:
        asked.append((service, name))
        return "from-the-keyring" if name == "groq" else None

    monkeypatch.setattr("keyring.get_password", get_password)
    for name in (*variables("groq"), *variables("anthropic")):
        monkeypatch.delenv(name, raising=False)
    keys = Keys()
    assert keys.of("groq") == keys.of("groq") == "from-the-keyring"
    assert keys.of("anthropic") is None
    assert asked == [("recursor", "groq"), ("recursor", "anthropic")]
    # Who was told to put one there may have done so.
    assert keys.of("anthropic") is None
    assert asked[-1] == ("recursor", "anthropic")
    assert len(asked) == 3
    keys.forget("groq")
    assert keys.of("groq") == "from-the-keyring"
    monkeypatch.setenv("GROQ_API_KEY", "from-the-environment")
    assert keys.of("groq") == "from-the-environment"
    assert keys.scrubbed("a from-the-keyring b from-the-environment c") == "a [key] b [key] c"
