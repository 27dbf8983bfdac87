"""Every provider's SDK goes through the same gate: one request a call, with its key, and paid for."""

import logging

import pytest

from recursor.agents.model.keys import Keys, variables
from recursor.domain.spending import AgentFailedError
from tests.agents.model.asked import plan
from tests.agents.model.conftest import Books, RunMaker
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
