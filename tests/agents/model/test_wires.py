"""What holds of one provider holds of all: answers, streams, figures, what passes, and what does not."""

from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from threading import Event

import pytest
from genai_prices import Usage as PricedUsage

from recursor.agents.model.prices import dollars
from recursor.domain.agent import Run
from recursor.domain.spending import AgentFailedError
from tests.agents.model.asked import GOOD, TEA, asked, plan
from tests.agents.model.conftest import Books, RunMaker
from tests.agents.model.test_faults import LASTING, PASSING
from tests.agents.model.test_providers import ADDRESSES
from tests.model_stub.answers import Answer, Fault, always, in_turn
from tests.model_stub.server import ModelStub

# OpenAI's newer way of asking has another stream, which `model.base_url` never meets.
WIRES = [model for model in ADDRESSES if not model.startswith("openai")]
KEY = "sk-of-this-provider"

ProviderRun = Callable[..., Run]


# The others speak as OpenAI does, which the tests beside this one ask in each run.
ALWAYS = ("anthropic:claude-sonnet-5-5", "google:gemini-2.5-flash")


@pytest.fixture(
    params=[pytest.param(wire, marks=[] if wire in ALWAYS else pytest.mark.slow) for wire in WIRES]
)
def model(request: pytest.FixtureRequest, stub: ModelStub, monkeypatch: pytest.MonkeyPatch) -> str:
    # Before the time of a run counts: on a busy machine this takes as long as some runs may.
    import_module(f"pydantic_ai.models.{request.param.partition(':')[0]}")
    address, key = ADDRESSES[request.param]
    # Each SDK adds the version of its API by itself, but for those that speak as OpenAI's does.
    root = stub.url.removesuffix("/v1")
    monkeypatch.setenv(address, stub.url if request.param.startswith("ollama") else root)
    monkeypatch.setenv(key, KEY)
    return str(request.param)


@pytest.fixture
def run_of(model: str, make_run: RunMaker) -> ProviderRun:
    return lambda **given: make_run(name=model, base_url=None, **given)


def test_a_typed_answer_is_counted_as_the_provider_bills_it(
    model: str, run_of: ProviderRun, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(arguments=TEA.model_dump(), input_tokens=900, output_tokens=70))
    told: list[str] = []
    reply = plan(run_of(say=told.append))
    assert (reply.output, reply.model, reply.calls) == (TEA, model, 1)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (900, 70)
    assert reply.usage.cost == dollars(model, PricedUsage(input_tokens=900, output_tokens=70))
    assert (books.spent.tokens, books.spent.dollars) == (sum(stub.billed), reply.usage.cost)
    assert told[-1] == "Tea\nboil\npour"
    assert KEY in stub.calls[0].key


def test_a_text_is_told_while_it_comes(run_of: ProviderRun, stub: ModelStub) -> None:
    was_told = Event()
    text = "Water boils, then it is poured, " * 50
    stub.script = always(Answer(text, slowly_until=was_told))
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        was_told.set()

    reply = asked(run_of(say=say), instructions="", prompt="How?", output=str)
    assert reply.output == told[-1] == text
    assert text.startswith(told[0])
    assert len(told) > 1


def test_what_a_provider_has_in_its_cache_costs_what_it_takes_for_that(
    model: str, run_of: ProviderRun, stub: ModelStub, books: Books
) -> None:
    stub.script = always(
        Answer(arguments=TEA.model_dump(), input_tokens=9_000, cached_tokens=8_000, output_tokens=70)
    )
    reply = plan(run_of())
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9_000, 70)
    cached = PricedUsage(input_tokens=9_000, cache_read_tokens=8_000, output_tokens=70)
    assert reply.usage.cost == books.spent.dollars == dollars(model, cached)
    in_full = dollars(model, PricedUsage(input_tokens=9_000, output_tokens=70))
    assert in_full is not None
    assert reply.usage.cost is not None
    assert reply.usage.cost <= in_full
    if model.startswith(("anthropic", "google")):
        assert Decimal(0) < reply.usage.cost < in_full


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(fault: str, run_of: ProviderRun, stub: ModelStub, books: Books) -> None:
    stub.script = in_turn(PASSING[fault], GOOD)
    reply = plan(run_of())
    assert (reply.output, reply.calls, len(stub.calls)) == (TEA, 2, 2)
    assert books.open == {}
    assert books.spent.tokens >= sum(stub.billed)


# Of Google's nothing but the end of the body tells that there is no more.
@pytest.mark.parametrize("model", [wire for wire in WIRES if not wire.startswith("google")], indirect=True)
def test_an_answer_is_whole_although_its_body_is_not_ended(
    run_of: ProviderRun, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(arguments=TEA.model_dump(), fault=Fault.OPEN_END))
    reply = plan(run_of())
    assert (reply.output, reply.calls) == (TEA, 1)
    assert books.spent.tokens == sum(stub.billed)


@pytest.mark.parametrize("fault", sorted(set(LASTING) - {"drip", "far too large", "401"}))
def test_what_lasts_fails_in_one_line(fault: str, run_of: ProviderRun, stub: ModelStub, books: Books) -> None:
    answer, expected, suspend = LASTING[fault]
    if answer.finish:
        answer = Answer("It is about t", finish=answer.finish)
    stub.script = always(answer)
    with pytest.raises(AgentFailedError, match=expected) as raised:
        plan(run_of(seconds=600, call_seconds=20 if "call_seconds" in expected else 3_000))
    assert raised.value.suspend is suspend
    assert "\n" not in str(raised.value)
    assert books.open == {}


def test_a_key_that_is_refused_is_not_repeated(run_of: ProviderRun, stub: ModelStub) -> None:
    stub.script = always(Answer(f"the key {KEY} is not valid", status=401))
    with pytest.raises(AgentFailedError, match=r"HTTP 401: the key \[key\] is not valid") as raised:
        plan(run_of())
    assert raised.value.suspend
    assert KEY not in str(raised.value)
