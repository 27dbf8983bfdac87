"""Runs that wait for a provider keep nobody else from running."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from recursor.actors.messages import CreateStack
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.model.rate_limiter import RateLimiter
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.rates import Rate
from recursor.domain.settings import RunnerSettings
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.runner.team import standard_team
from recursor.runtime.clock import ManualClock
from recursor.storage.opening import memory_store
from recursor.storage.stacks import read_stack
from tests.model_stub.answers import Answer, Fault, always
from tests.model_stub.server import ModelStub
from tests.processes import wait_for

GPT = "openai:gpt-4o"
COUNT = 5_000


class Teams:
    """An orchestrator with two slots for agents, and stacks whose models are at a stub."""

    def __init__(self, url: str, rates: dict[str, Rate]) -> None:
        self._url = url
        self.store = memory_store()
        self.orchestrator = Orchestrator.start(
            store=self.store, roles=standard_team(), runner=RunnerSettings(agents=2, rates=rates)
        )

    def create(self, name: str, model: str | None) -> str:
        given = {} if model is None else {"model": {"name": model, "base_url": self._url}}
        now = time.time()
        stack = new_stack(name, now, given)
        self.orchestrator.ask(CreateStack(stack, new_idea(stack.id, "tea", now), start=True))
        return stack.id

    def stack(self, stack_id: str) -> Stack:
        with self.store.read() as reader:
            return read_stack(reader, stack_id)


@pytest.fixture
def make_teams(stub: ModelStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Teams]]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-these-tests")
    made: list[Teams] = []

    def make(**rates: Rate) -> Teams:
        made.append(Teams(stub.url, rates))
        return made[-1]

    yield make
    for teams in made:
        teams.orchestrator.stop()
        teams.store.close()


@pytest.mark.parametrize(
    ("answer", "rates"),
    [
        (Answer("slow down", status=429, headers={"retry-after": "60"}), {}),
        (Answer(fault=Fault.HANG), {"openai": Rate(concurrent=1)}),
    ],
    ids=["a provider that wants to be left alone", "a provider that takes one call at a time"],
)
def test_a_team_that_needs_no_provider_is_done_while_others_wait_for_theirs(
    answer: Answer, rates: dict[str, Rate], make_teams: Callable[..., Teams], stub: ModelStub
) -> None:
    stub.script = always(answer)
    teams = make_teams(**rates)
    waiting = [teams.create(f"waits-{number}", GPT) for number in range(4)]
    stub.wait_until(lambda seen: len(seen.calls) >= 1)
    scripted = teams.create("scripted", None)
    wait_for(lambda: teams.stack(scripted).phase is Phase.PARTIAL)
    assert {teams.stack(stack_id).state for stack_id in waiting} == {ExecutionState.RUNNING}
    assert {teams.stack(stack_id).failures_in_a_row for stack_id in waiting} == {0}


class Slot:
    """A run's slot, which a test gives it again."""

    def __init__(self) -> None:
        self.is_left = False
        self.is_wanted = False
        self.free = asyncio.Event()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        self.is_left = True
        try:
            yield
        finally:
            self.is_wanted = True
            await self.free.wait()


def test_a_call_begins_when_its_run_has_a_slot_again() -> None:
    async def story() -> None:
        limiter = RateLimiter({GPT: Rate(concurrent=1)}, ManualClock())
        first = Slot()
        running = await limiter.acquire(GPT, None, 1, 5, first.aside)
        assert not first.is_left
        slot = Slot()
        waiting = asyncio.create_task(limiter.acquire(GPT, None, 1, 5, slot.aside))
        await _settle()
        assert (slot.is_left, slot.is_wanted) == (True, False)
        limiter.release(running)
        await _settle()
        assert (slot.is_wanted, waiting.done()) == (True, False)
        slot.free.set()
        permit = await waiting
        # One that is cancelled while it waits for its slot makes room for the next.
        cancelled = asyncio.create_task(limiter.acquire(GPT, None, 1, 5, Slot().aside))
        await _settle()
        limiter.release(permit)
        await _settle()
        cancelled.cancel()
        await _settle()
        await limiter.acquire(GPT, None, 1, 5, Slot().aside)

    asyncio.run(story())


def test_many_wait_at_little_cost() -> None:
    async def story() -> float:
        limiter = RateLimiter({"openai": Rate(concurrent=1)}, ManualClock())
        running = await limiter.acquire(GPT, None, 1, 5)
        waiting = [asyncio.create_task(limiter.acquire(GPT, None, 1, 5)) for _ in range(COUNT)]
        await _settle()
        began = time.process_time()
        limiter.release(running)
        for each in waiting:
            limiter.release(await each)
        return (time.process_time() - began) / COUNT

    # To look at all of them for each that ends would take a thousand times as long.
    assert asyncio.run(story()) < 0.001


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
