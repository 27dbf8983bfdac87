"""A team that asks a model takes an idea to a finished page with a visitor's wish, and then rests."""

from dataclasses import replace

import pytest
from genai_prices import Usage

from benchmarks.comparison.fake_model import FakeModel
from benchmarks.comparison.recursor_team import recursor_team
from recursor.agents.model.prices import dollars
from tests.agents.model.test_providers import ADDRESSES
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub

TEN_MINUTES = 600.0


@pytest.mark.parametrize(("parts", "most_calls"), [(1, 7), (3, 11)])
def test_a_project_is_finished_with_no_needless_call_and_a_finished_one_costs_nothing(
    parts: int, most_calls: int
) -> None:
    with ModelStub(FakeModel(parts, latency=0.0)) as stub, recursor_team(stub.url) as team:
        made = team.make()
        assert made.missing(parts) == []
        assert len(stub.calls) <= most_calls
        finished_with = len(stub.calls)
        team.rest(TEN_MINUTES)
        assert len(stub.calls) == finished_with


# How the prompts begin by which the fake model knows who asks, where all ask the same model.
BEGINNINGS = {
    "planner": "You are the planner",
    "builder": "You are the builder",
    "communicator": "You speak for",
    "reviewer": "You review",
}


@pytest.mark.parametrize("model", [name for name in ADDRESSES if not name.startswith("openai")])
def test_a_project_is_finished_with_any_provider_and_its_cost_is_counted(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeModel(2, latency=0.0)

    def script(call: Call) -> Answer:
        (role,) = (role for role, words in BEGINNINGS.items() if words in call.texts)
        return fake(replace(call, model=role))

    address, key = ADDRESSES[model]
    with ModelStub(script) as stub:
        monkeypatch.setenv(address, stub.url if model.startswith("ollama") else stub.url.removesuffix("/v1"))
        monkeypatch.setenv(key, "sk-of-this-one")
        with recursor_team(stub.url, name=model, roles={}, base_url=None) as team:
            assert team.make().missing(2) == []
            figures = team.figures
    assert list(figures.models) == [model]
    used = figures.models[model]
    assert used.input_tokens + used.output_tokens == sum(stub.billed)
    assert used.cost == dollars(
        model, Usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens)
    )
    assert figures.unpriced_tokens == 0
