"""Runs that wait for a provider keep nobody else from running."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from recursor.actors.messages import CreateStack
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.model.traffic import CrowdedError, Traffic
from recursor.domain.new_records import new_stack
from recursor.domain.project import ProjectIdea
from recursor.domain.rates import Rate
from recursor.domain.settings import RunnerSettings
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.runner.team import standard_team
from recursor.runtime.clock import ManualClock
from recursor.storage.memory_store import MemoryStore
from recursor.storage.stacks import read_stack
from recursor.storage.tables import TABLES
from tests.model_stub.answers import Answer, Fault, always
from tests.model_stub.server import ModelStub
from tests.processes import wait_for

GPT = "openai:gpt-4o"


class Teams:
    """An orchestrator with two places for agents, and stacks whose models are at a stub."""

    def __init__(self, url: str, rates: dict[str, Rate]) -> None:
        self._url = url
        self.store = MemoryStore(TABLES)
        self.orchestrator = Orchestrator.start(
            store=self.store, roles=standard_team(), runner=RunnerSettings(agents=2, rates=rates)
        )

    def create(self, name: str, model: str | None) -> str:
        given = {} if model is None else {"model": {"name": model, "base_url": self._url}}
        now = time.time()
        stack = new_stack(name, now, given)
        idea = ProjectIdea(stack_id=stack.id, idea="tea", created_at=now, updated_at=now, updated_by="user")
        self.orchestrator.ask(CreateStack(stack, idea, start=True))
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
    wait_for(lambda: teams.stack(scripted).phase is Phase.COMPLETE)
    assert {teams.stack(stack_id).state for stack_id in waiting} == {ExecutionState.RUNNING}
    assert {teams.stack(stack_id).failures_in_a_row for stack_id in waiting} == {0}


class Seat:
    """A run's place, as far as the line knows it."""

    def __init__(self, *, is_crowded: bool = False) -> None:
        self.is_crowded = is_crowded
        self.is_left = False
        self.then: Callable[[], object] | None = None

    def leave(self) -> None:
        self.is_left = True

    def take(self, then: Callable[[], object]) -> None:
        self.then = then


def test_a_call_begins_when_its_run_has_a_place_again() -> None:
    async def story() -> None:
        traffic = Traffic({GPT: Rate(concurrent=1)}, ManualClock())
        first = Seat()
        running = await traffic.enter(GPT, None, 1, 5, first)
        assert not first.is_left
        seat = Seat()
        entering = asyncio.create_task(traffic.enter(GPT, None, 1, 5, seat))
        await _settle()
        assert (seat.is_left, seat.then) == (True, None)
        traffic.leave(running)
        await _settle()
        assert (seat.then is not None, entering.done()) == (True, False)
        assert seat.then is not None
        seat.then()
        granted = await entering
        # Who gives up while it waits for its place makes room in the line.
        other = Seat()
        giving_up = asyncio.create_task(traffic.enter(GPT, None, 1, 5, other))
        await _settle()
        traffic.leave(granted)
        await _settle()
        giving_up.cancel()
        await _settle()
        await traffic.enter(GPT, None, 1, 5, Seat())

    asyncio.run(story())


def test_where_too_many_wait_the_last_in_line_is_sent_away() -> None:
    async def story() -> None:
        traffic = Traffic({GPT: Rate(concurrent=1)}, ManualClock())
        await traffic.enter(GPT, None, 1, 5, Seat())
        low = asyncio.create_task(traffic.enter(GPT, None, 1, 1, Seat()))
        mid = asyncio.create_task(traffic.enter(GPT, None, 1, 5, Seat()))
        await _settle()
        high = asyncio.create_task(traffic.enter(GPT, None, 1, 10, Seat(is_crowded=True)))
        await _settle()
        with pytest.raises(CrowdedError):
            await low
        with pytest.raises(CrowdedError):
            await traffic.enter(GPT, None, 1, 0, Seat(is_crowded=True))
        assert (mid.done(), high.done()) == (False, False)
        for task in (mid, high):
            task.cancel()
        await asyncio.gather(mid, high, return_exceptions=True)
        traffic.close()

    asyncio.run(story())


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
