"""Calls from beginning to end: they wait, give back what they did not use, and end in time."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import pytest

from recursor.agents.model import exchange as exchange_module
from recursor.agents.model.ask import MARGIN_SECONDS, ask
from recursor.agents.model.context_window import room_for
from recursor.agents.model.exchange import ENDING, Exchange
from recursor.agents.model.keys import variables
from recursor.agents.model.rate_window import FIRST_BACKOFF
from recursor.domain.agent import Run
from recursor.domain.rates import Rate
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError, Spend
from recursor.runtime.clock import ManualClock
from tests.agents.model.asked import GOOD, TEA, Plan, asking, plan
from tests.agents.model.conftest import KEY, Books, RunMaker
from tests.agents.model.loop import CancelledRunError, agent_loop, stop
from tests.making import make_snapshot
from tests.model_stub.answers import Answer, Fault, always, in_turn
from tests.model_stub.server import PATIENCE, ModelStub
from tests.processes import wait_for


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


ByHand = tuple[Exchange, ManualClock]


@pytest.fixture
def by_hand() -> Iterator[ByHand]:
    clock = ManualClock()
    exchange = Exchange(clock)
    yield exchange, clock
    agent_loop().run(exchange.aclose())


def run_of(exchange: Exchange, stub: ModelStub, books: Books, seconds: float = 20_000) -> Run:
    model = {"name": "openai:gpt-4o", "base_url": stub.url, "output_tokens": 1_000, "call_seconds": 10_000}
    deadline = exchange.clock.now() + seconds
    settings = Settings().overridden({"model": model})
    return Run("e", "planner", 1, "because", settings, deadline, meter=books, models=exchange)


def test_what_a_call_did_not_take_is_there_for_the_next(stub: ModelStub, books: Books) -> None:
    stub.script = always(GOOD)
    exchange = Exchange(rates={"openai": Rate(tokens_per_minute=8_000)})
    for _ in range(3):
        # A minute would be too long for it.
        assert plan(run_of(exchange, stub, books, seconds=40)).output == TEA
    agent_loop().run(exchange.aclose())
    assert books.most[0].tokens * 2 > 8_000


def test_after_an_answer_all_may_go_again(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = in_turn(
        Answer("wait", status=503, headers={"retry-after": "0"}), GOOD, Answer(fault=Fault.HANG)
    )
    plan(make_run())
    runs = [make_run() for _ in range(3)]
    begun = [asking(run) for run in runs]
    stub.wait_until(lambda seen: seen.answering == 3)
    for run, each in zip(runs, begun, strict=True):
        stop(run)
        assert isinstance(each.exception(), CancelledRunError)


def test_there_is_a_pause_before_another_try(by_hand: ByHand, stub: ModelStub, books: Books) -> None:
    stub.script = in_turn(Answer("oops", status=500), GOOD)
    exchange, clock = by_hand
    begun = asking(run_of(exchange, stub, books))

    def pauses() -> bool:
        due = clock.next_due()
        return due is not None and FIRST_BACKOFF / 2 - 0.1 < due - clock.now() <= FIRST_BACKOFF

    wait_for(pauses)
    assert len(stub.calls) == 1
    clock.advance(FIRST_BACKOFF)
    assert begun.result().output == TEA
    assert len(stub.calls) == 2


def test_a_run_ends_by_itself_before_it_is_abandoned(by_hand: ByHand, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    exchange, clock = by_hand
    run = run_of(exchange, stub, books, seconds=100)
    begun = asking(run)
    stub.wait_until(lambda seen: seen.answering == 1)
    clock.advance(run.deadline - clock.now() - MARGIN_SECONDS / 2)
    wait_for(begun.done)
    assert "out of time" in str(begun.exception())
    assert clock.now() < run.deadline


def test_after_a_key_was_refused_the_keyring_is_asked_again(
    make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in variables("openai"):
        monkeypatch.delenv(variable, raising=False)
    kept = iter(["the-old-key", "the-new-key"])
    monkeypatch.setattr("keyring.get_password", lambda _service, _name: next(kept))
    stub.script = in_turn(Answer("expired", status=401), GOOD)
    with pytest.raises(AgentFailedError, match="expired"):
        plan(make_run())
    assert plan(make_run()).output == TEA
    assert [call.authorization for call in stub.calls] == ["Bearer the-old-key", "Bearer the-new-key"]


def test_there_is_room_for_an_answer_that_was_not_right() -> None:
    settings = Settings().overridden({"model": {"context_tokens": 10_000, "output_tokens": 500}}).model
    room = room_for(settings, "planner", "You plan.", Plan)
    assert room.answer == 500
    assert room.question + 2 * room.answer <= 10_000


@pytest.fixture
def ending(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Exchange]:
    """An exchange that has no patience at its end, and must not complain of it."""
    monkeypatch.setattr(exchange_module, "CLOSE_SECONDS", 0.2)
    yield exchange
    assert caplog.records == []


def close(exchange: Exchange) -> None:
    agent_loop().run(exchange.aclose())


def test_an_end_waits_for_no_check(ending: Exchange, make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    begun, goes_on = threading.Event(), threading.Event()

    def check(answer: Plan) -> Plan:
        begun.set()
        goes_on.wait(PATIENCE)
        return answer

    asked: Future[object] = asking(make_run(), check=check)
    assert begun.wait(PATIENCE)
    close(ending)
    assert "the runner is ending: it worked with the answer" in str(asked.exception(PATIENCE))
    goes_on.set()


def test_an_end_waits_for_no_tool_that_does_not_let_go(
    ending: Exchange, make_run: RunMaker, stub: ModelStub
) -> None:
    stub.script = always(Answer(arguments={"at": "tea"}, tool="look"))
    begun, lets_go = threading.Event(), threading.Event()

    async def look(at: str) -> str:
        """Look."""
        while not lets_go.is_set():
            begun.set()
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
        return at

    asked: Future[object] = asking(make_run(), tools=[look])
    assert begun.wait(PATIENCE)
    close(ending)
    assert not asked.done()
    lets_go.set()
    assert "the runner is ending" in str(asked.exception(PATIENCE))


def test_a_check_that_is_stuck_holds_up_no_other(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    goes_on = threading.Event()
    stuck = [make_run() for _ in range(exchange_module.MOST_USER_CALLS)]
    begun = threading.Barrier(len(stuck) + 1)

    def check(answer: Plan) -> Plan:
        begun.wait(PATIENCE)
        goes_on.wait(PATIENCE)
        return answer

    runs = [asking(run, check=check) for run in stuck]
    begun.wait(PATIENCE)
    waiting = asking(make_run(), check=lambda answer: answer)
    for run, asked in zip(stuck, runs, strict=True):
        stop(run)
        assert isinstance(asked.exception(PATIENCE), CancelledRunError)
    assert waiting.result(PATIENCE).output == TEA
    goes_on.set()


def test_nothing_is_asked_when_all_has_ended(make_run: RunMaker, exchange: Exchange) -> None:
    close(exchange)
    with pytest.raises(AgentFailedError, match=ENDING):
        plan(make_run())


class SlowBooks(Books):
    """Books that take some turns of the loop, as those on a disk do."""

    async def reserve(self, most: Spend) -> str:
        await turns(5)
        reservation = await super().reserve(most)
        await turns(5)
        return reservation

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        await turns(5)
        await super().settle(reservation, spent)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_whenever_a_run_is_cancelled_its_books_are_closed(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    plan(make_run())
    before = len(stub.calls)

    async def cancel_after(count: int) -> SlowBooks:
        books = SlowBooks()
        run = replace(make_run(), meter=books)
        task = asyncio.create_task(ask(run, make_snapshot(), instructions="", prompt="?", output=Plan))
        await turns(count)
        task.cancel()
        await asyncio.wait([task])
        return books

    kept = [agent_loop().run(cancel_after(count)) for count in range(0, 150, 3)]
    assert all(books.open == {} and len(books.settled) == len(books.most) for books in kept)
    assert sum(books.spent.tokens for books in kept) >= sum(stub.billed[before:])
    # Some were cancelled before anything was sent, which costs nothing.
    spent = [each for books in kept for each in books.settled]
    assert Spend() in spent
    assert None in spent
