"""Keys go to their provider's hosts, and to those that the operator allows by name."""

import asyncio

import pytest

from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.exchange import Exchange
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import AgentFailedError

NOWHERE = [
    "https://evil.example/v1",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.5:8000/v1",
    "http://[fe80::1]/v1",
    "http://2130706433:8000/v1",
    "http://0.0.0.0:8000/v1",
    "https://api.openai.com.evil.example/v1",
    "https://api.openai.com:8443/v1",
    "http://api.openai.com/v1",
    "http://models.example:8001/v1",
]


def allowed(*hosts: str, loopback: bool = True, base_url: str | None = None) -> ModelAddresses:
    settings = Settings().overridden({"model": {"base_url": base_url}})
    return ModelAddresses.of_operator(settings, RunnerSettings(model_hosts=hosts), loopback=loopback)


@pytest.fixture(autouse=True)
def _no_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.mark.parametrize("url", NOWHERE)
def test_others_are_not_asked(url: str) -> None:
    addresses = allowed("models.example:8000")
    assert not addresses.takes_key(url)
    with pytest.raises(InvalidInputError, match=r"is not an allowed model host.*model_hosts = \["):
        addresses.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://models.example:8000/v1",
        "https://ANY.example./v1",
        "http://[::1]:9",
    ],
)
def test_those_that_are_named_are_asked_with_the_key(url: str) -> None:
    addresses = allowed("models.example:8000", "Any.Example", "[::1]:9", loopback=False)
    addresses.check(url)
    assert addresses.takes_key(url)


def test_what_the_operator_asks_for_all_stacks_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert allowed(base_url="http://10.0.0.5:8000/v1").takes_key("http://10.0.0.5:8000/other")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1")
    assert allowed().takes_key("https://gateway.example/v1")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_server_on_this_machine_is_asked_without_the_key(host: str) -> None:
    url = f"http://{host}:8000/v1"
    allowed().check(url)
    assert not allowed().takes_key(url)
    with pytest.raises(InvalidInputError):
        allowed(loopback=False).check(url)


@pytest.mark.parametrize("name", ["openai:m", "openai-chat:m", "openai-responses:m"])
def test_no_key_leaves_for_an_address_that_gets_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a key of some length")

    async def made(url: str) -> str:
        exchange = Exchange(addresses=allowed("models.example"))
        try:
            return str((await exchange.model(name, url)).client.api_key)  # type: ignore[attr-defined]
        finally:
            await exchange.aclose()

    assert asyncio.run(made("https://models.example/v1")) == "a key of some length"
    assert asyncio.run(made("http://127.0.0.1:8000/v1")) == "none"
    with pytest.raises(AgentFailedError, match=r"evil\.example:443 is not an allowed model host") as refused:
        asyncio.run(made("https://evil.example/v1"))
    assert refused.value.suspend
