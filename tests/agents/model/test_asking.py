"""Asking a model: what comes back, what it costs, and what stays behind."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel

from recursor.agents.model.asking import Reply, ask
from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.settings import Settings
from recursor.domain.spending import Spend
from tests.making import make_snapshot
from tests.model_stub.answers import Answer, always
from tests.model_stub.server import ModelStub


class Plan(BaseModel):
    """What is asked for."""

    title: str
    steps: list[str]


GOOD = Answer(arguments={"title": "Tea", "steps": ["boil", "pour"]})


@dataclass
class Books:
    """A meter that keeps what it is told."""

    limits_dollars: bool = False
    most: list[Spend] = field(default_factory=list)
    spent: list[Spend | None] = field(default_factory=list)
    runs: int = 0

    def begin(self) -> None:
        self.runs += 1

    def reserve(self, most: Spend) -> str:
        self.most.append(most)
        return str(len(self.most))

    def settle(self, _reservation: str, spent: Spend | None) -> None:
        self.spent.append(spent)


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with ModelStub() as server:
        yield server
    assert server.problems == []


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-tests")
    exchange = Exchange()
    yield exchange
    exchange.close()


def make_run(exchange: Exchange, stub: ModelStub, meter: Books, **model: object) -> Run:
    settings = Settings().overridden({"model": {"name": "openai:gpt-4o", "base_url": stub.url, **model}})
    return Run("e", "planner", 1, "because", settings, time.time() + 60, meter=meter, models=exchange)


def plan(run: Run, **given: object) -> Reply[Plan]:
    return ask(run, make_snapshot(), instructions="You plan.", prompt="Plan tea.", output=Plan, **given)


def test_typed(exchange: Exchange, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    books = Books()
    reply = plan(make_run(exchange, stub, books))
    assert reply.output == Plan(title="Tea", steps=["boil", "pour"])
    assert (reply.model, reply.calls, books.runs) == ("openai:gpt-4o", 1, 1)
    assert books.spent[0].tokens == stub.billed[0] == reply.usage.input_tokens + reply.usage.output_tokens
    assert books.most[0].tokens >= stub.billed[0]
    assert reply.usage.cost == books.spent[0].dollars > 0
