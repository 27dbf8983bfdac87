"""Which of Ollama's models cost nothing: a budget in dollars holds over no other."""

from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.agents.model.model_checks import check_choice
from recursor.agents.model.ollama import is_own, ollama_url
from recursor.agents.model.prices import most_dollars
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import RunnerSettings, Settings

OWN = [
    "http://localhost:11434/v1",
    "http://127.0.0.1:11434",
    "http://[::1]:11434/v1",
    "http://10.1.2.3/v1",
    "http://192.168.0.7:11434",
    "http://172.16.0.1",
    "http://100.64.0.9",
    "http://169.254.1.1",
    "http://[fd00::7]/v1",
    "http://[fe80::1%25eth0]/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "http://ollama:11434/v1",
    "http://GPU-Box/v1",
    "http://host.docker.internal:11434",
    "http://box.local",
    "http://box.lan./v1",
]
ELSEWHERE = [
    "https://ollama.com/v1",
    "https://ollama.com./v1",
    "http://8.8.8.8/v1",
    "http://172.32.0.1",
    "http://[2001:4860:4860::8888]/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://134744072/v1",
    "http://0x08080808/v1",
    "http://localhost.example.com",
    "http://127.0.0.1@example.com/v1",
    "localhost:11434",
    "http://[",
    "http:///v1",
]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_BASE_URL", raising=False)


@pytest.mark.parametrize("name", ["qwen3", "qwen3:8b", "cloudy", "cloud9:7b", "my-cloud-model:1b"])
def test_what_runs_here_costs_nothing(name: str) -> None:
    assert most_dollars(f"ollama:{name}", 10**6, 10**6) == Decimal(0)


@pytest.mark.parametrize("name", ["glm-4.6:cloud", "gpt-oss:120b-cloud", "gpt-oss-cloud", "kimi-k2:Cloud"])
def test_what_runs_in_ollamas_cloud_has_no_known_price(name: str) -> None:
    assert most_dollars(f"ollama:{name}", 1, 1) is None
    settings = Settings().overridden({"model": {"name": f"ollama:{name}"}, "budget": {"dollars": 1}})
    with pytest.raises(InvalidInputError, match=r"the price of ollama:.* is unknown"):
        check_choice(settings, RunnerSettings())


@pytest.mark.parametrize("url", OWN)
def test_at_an_address_of_ones_own_it_costs_nothing(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", url)
    assert ollama_url() == url
    assert most_dollars("ollama:qwen3", 1, 1) == Decimal(0)
    assert most_dollars("ollama:qwen3:cloud", 1, 1) is None


@pytest.mark.parametrize("url", ELSEWHERE)
def test_at_any_other_its_price_is_not_known(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", url)
    assert most_dollars("ollama:qwen3", 1, 1) is None
    assert most_dollars("local:a.gguf", 1, 1) == Decimal(0)


@given(st.ip_addresses())
def test_an_address_is_ones_own_just_if_it_is_not_of_the_internet(address: IPv4Address | IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    assert is_own(f"http://{host}:11434/v1") == (not (mapped or address).is_global)
