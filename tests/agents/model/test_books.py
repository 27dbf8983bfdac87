"""Many runs at once, over a wire on which everything goes wrong: the books on disk are exact."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recursor.actors.ledger import LedgerActor, LedgerMeter
from recursor.agents.model.ask import ask
from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.ids import new_id
from recursor.domain.rates import Rate
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import AgentFailedError, Spend
from recursor.runtime.dispatcher import Dispatcher
from recursor.storage.budgets import read_account
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from recursor.storage.tables import ALL_STACKS, RESERVATIONS
from tests.agents.model.asked import GOOD, TEA, Plan
from tests.agents.model.conftest import FastClock
from tests.agents.model.loop import agent_loop
from tests.making import make_snapshot
from tests.model_stub.answers import Answer, Call, Fault
from tests.model_stub.server import ModelStub

STACKS, RUNS, LIMIT = 12, 5, 4

WRONG = (
    Answer("oops", status=500),
    Answer("slow down", status=429, headers={"retry-after": "1"}),
    Answer("overloaded", status=529),
    Answer("no", status=400),
    Answer(fault=Fault.RESET),
    Answer(arguments=TEA.model_dump(), fault=Fault.RESET_WITHIN, piece=3),
    Answer(arguments=TEA.model_dump(), fault=Fault.BROKEN_JSON, piece=3),
    Answer(fault=Fault.HANG),
    Answer(arguments={"title": 1}),
    Answer(arguments='{"title": "T', finish="length"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LmdbStore]:
    store = open_store(tmp_path / "store")
    yield store
    store.close()


def test_the_books_are_exact_whatever_goes_wrong(
    store: LmdbStore, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    chance = random.Random(4)

    answers: dict[int, Answer] = {}

    def script(call: Call) -> Answer:
        answers[call.number] = chance.choice(WRONG) if chance.random() < 0.4 else GOOD
        return answers[call.number]

    stub.script = script
    clock = FastClock()
    exchange = Exchange(clock, {"openai": Rate(concurrent=LIMIT)})
    dispatcher = Dispatcher(2, "books")
    ledger = LedgerActor.start(store, Settings(), RunnerSettings(), clock, new_id, dispatcher)
    settings = Settings().overridden(
        {"model": {"name": "openai:gpt-4o", "base_url": stub.url, "call_seconds": 100, "output_tokens": 500}}
    )
    outcomes: list[str] = []
    confirmed: list[int] = []

    @dataclass(frozen=True)
    class Noting:
        """Notes what is settled, on its way to the books."""

        meter: LedgerMeter

        async def begin(self) -> None:
            await self.meter.begin()

        async def reserve(self, most: Spend) -> str:
            return await self.meter.reserve(most)

        async def settle(self, reservation: str, spent: Spend | None) -> None:
            await self.meter.settle(reservation, spent)
            if spent is not None:
                confirmed.append(spent.tokens)

    async def work(stack_id: str) -> None:
        meter = Noting(LedgerMeter(ledger, stack_id, "planner"))
        for number in range(RUNS):
            run = Run(
                f"e{number}",
                "planner",
                1,
                "because",
                settings,
                clock.now() + 3_000,
                meter=meter,
                models=exchange,
            )
            try:
                reply = await ask(
                    run, make_snapshot(), instructions="You plan.", prompt="Plan tea.", output=Plan
                )
                outcomes.append(reply.output.title)
            except AgentFailedError as error:
                outcomes.append(str(error))

    stacks = [f"stack{number}" for number in range(STACKS)]

    async def work_of_all() -> None:
        await asyncio.gather(*map(work, stacks))
        await exchange.aclose()

    agent_loop().run(work_of_all())
    ledger.stop()
    dispatcher.shutdown()
    clock.close()

    assert len(outcomes) == STACKS * RUNS
    assert outcomes.count("Tea") > STACKS
    with store.read() as reader:
        whole = read_account(reader, ALL_STACKS)
        each = [read_account(reader, stack) for stack in stacks]
        assert list(RESERVATIONS.scan(reader, ALL_STACKS)) == []
    assert whole.reserved == Spend()
    assert whole.calls == len(stub.calls)
    assert sum(account.spent.tokens for account in each) == whole.spent.tokens
    # What arrived is counted as it was billed; what did not counts in full, which is more.
    broken = {number for number, answer in answers.items() if answer.fault is not Fault.NONE}
    assert whole.unconfirmed == len(broken) > 0
    assert sum(confirmed) == sum(bill for number, bill in stub.bills.items() if number not in broken)
    assert whole.spent.tokens > sum(stub.billed)
