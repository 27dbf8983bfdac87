"""A stub that is asked, an exchange that asks it, and books that are kept in memory."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.settings import Settings
from recursor.domain.spending import (
    Budget,
    BudgetExceededError,
    BudgetHeldError,
    BudgetName,
    PriceUnknownError,
    Spend,
)
from recursor.runtime.clock import SystemClock, Timer
from tests.agents.model.loop import NAME, agent_loop
from tests.model_stub.server import PATIENCE, ModelStub

KEY = "sk-secret-of-the-tests"


@dataclass
class Books:
    """A meter that keeps what it is told, and has the limits of one budget."""

    budget: Budget = field(default_factory=Budget)
    most: list[Spend] = field(default_factory=list)
    settled: list[Spend | None] = field(default_factory=list)
    runs: int = 0
    open: dict[str, Spend] = field(default_factory=dict)
    spent: Spend = field(default_factory=Spend)

    async def begin(self) -> None:
        self.runs += 1

    async def reserve(self, most: Spend) -> str:
        if self.budget.dollars is not None and most.unpriced_tokens:
            raise PriceUnknownError("its price is not known")
        held = self.spent.tokens + sum(each.tokens for each in self.open.values())
        if self.budget.tokens is not None and held + most.tokens > self.budget.tokens:
            if self.spent.tokens + most.tokens <= self.budget.tokens:
                raise BudgetHeldError("budget.tokens: set aside", BudgetName(kind="tokens"))
            raise BudgetExceededError("budget.tokens: too much")
        self.most.append(most)
        self.open[str(len(self.most))] = most
        return str(len(self.most))

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        most = self.open.pop(reservation)
        self.settled.append(spent)
        self.spent = self.spent.plus(most if spent is None else spent)


SPEED = 50.0


class FastClock:
    """The machine's time, fifty times as fast: what has to wait a little need not make a test wait."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._start = time.time()

    def now(self) -> float:
        return self._start + (time.time() - self._start) * SPEED

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return self._real.call_at(time.time() + (when - self.now()) / SPEED, callback)

    def close(self) -> None:
        self._real.close()


RunMaker = Callable[..., Run]


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and not _is_shared(thread)]
    for thread in left:
        thread.join(PATIENCE)
    assert [thread.name for thread in left if thread.is_alive()] == []


def _is_shared(thread: threading.Thread) -> bool:
    # Of clocks, of the loop of all tests, and of those that look up addresses for it.
    return thread.name.startswith(("recursor-timers", NAME, "asyncio_"))


@pytest.fixture
def stub(nothing_stays_behind: None) -> Iterator[ModelStub]:
    with ModelStub() as server:
        yield server


@pytest.fixture
def exchange(nothing_stays_behind: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    clock = FastClock()
    exchange = Exchange(clock)
    yield exchange
    agent_loop().run(exchange.aclose())
    clock.close()


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def make_run(exchange: Exchange, stub: ModelStub, books: Books) -> RunMaker:
    def make(*, say: Callable[[str], None] = lambda _: None, seconds: float = 20_000.0, **model: Any) -> Run:
        given = {"name": "openai:gpt-4o", "base_url": stub.url, "output_tokens": 1000, "call_seconds": 10_000}
        settings = Settings().overridden({"model": {**given, **model}})
        deadline = exchange.clock.now() + seconds
        return Run("e", "planner", 1, "because", settings, deadline, meter=books, models=exchange, say=say)

    return make
