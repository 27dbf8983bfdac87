"""A call waits for what others have reserved of a budget; nothing is spent twice or counted as spent."""

from dataclasses import replace

import pytest

from recursor.agents.model.exchange import Exchange
from recursor.domain.rates import Rate
from recursor.domain.spending import AgentFailedError, Budget
from recursor.runtime.clock import ManualClock
from tests.agents.model.asked import GOOD, TEA, asking, plan
from tests.agents.model.conftest import Books, RunMaker
from tests.agents.model.loop import CancelledRunError, agent_loop, stop
from tests.model_stub.answers import Answer, Fault, always
from tests.model_stub.server import ModelStub


@pytest.fixture
def one_at_a_time(make_run: RunMaker, books: Books, stub: ModelStub) -> Books:
    """Books with room for one call at a time, but for many one after another."""
    stub.script = always(GOOD)
    plan(make_run())
    most = books.most[0].tokens
    books.budget = Budget(tokens=most + most // 2)
    assert books.spent.tokens * 8 < most // 2
    return books


def test_calls_wait_for_one_another_until_all_are_made(
    make_run: RunMaker, one_at_a_time: Books, stub: ModelStub
) -> None:
    stub.script = always(replace(GOOD, latency=0.02))
    replies = [asking(make_run()) for _ in range(6)]
    assert [reply.result().output for reply in replies] == [TEA] * 6
    assert one_at_a_time.open == {}
    assert one_at_a_time.spent.tokens == sum(stub.billed)


def test_who_waits_takes_nothing_of_what_its_provider_allows(
    make_run: RunMaker, one_at_a_time: Books, stub: ModelStub, exchange: Exchange
) -> None:
    # A fourth call would wait for a minute, which never passes.
    limited = Exchange(
        ManualClock(exchange.clock.now()), {"openai": Rate(requests_per_minute=3, concurrent=2)}
    )
    stub.script = always(replace(GOOD, latency=0.05))
    for reply in [asking(replace(make_run(), models=limited)) for _ in range(3)]:
        assert reply.result().output == TEA
    agent_loop().run(limited.aclose())


def test_one_whose_time_is_up_meanwhile_is_tried_again_and_needs_nobody(
    make_run: RunMaker, one_at_a_time: Books, stub: ModelStub
) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    holder = make_run()
    held = asking(holder)
    stub.wait_until(lambda seen: seen.answering == 1)
    with pytest.raises(AgentFailedError, match=r"reserved the rest of budget\.tokens") as failed:
        plan(make_run(seconds=100))
    assert (failed.value.passes, failed.value.suspend) == (True, False)
    assert len(stub.calls) == 2
    stop(holder)
    assert isinstance(held.exception(), CancelledRunError)
