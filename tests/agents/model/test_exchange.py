"""An exchange belongs to one loop at a time, and may be used on another when that has ended."""

import asyncio
import time

import pytest

from recursor.agents.model.ask import ask
from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.settings import Settings
from tests.agents.model.asked import GOOD, TEA, Plan, plan
from tests.agents.model.conftest import KEY, RunMaker
from tests.making import make_snapshot
from tests.model_stub.answers import always
from tests.model_stub.server import ModelStub


def test_it_goes_from_one_loop_to_the_next(stub: ModelStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    stub.script = always(GOOD)
    exchange = Exchange()
    settings = Settings().overridden({"model": {"name": "openai:gpt-4o", "base_url": stub.url}})

    async def asked(*, closes: bool) -> Plan:
        run = Run("e", "planner", 1, "because", settings, time.time() + 300, models=exchange)
        reply = await ask(
            run, make_snapshot(), instructions="", prompt="?", output=Plan, check=lambda answer: answer
        )
        if closes:
            await exchange.aclose()
        return reply.output

    assert asyncio.run(asked(closes=False)) == TEA
    assert asyncio.run(asked(closes=True)) == TEA


def test_it_is_refused_on_another_loop_meanwhile(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    run = make_run()
    plan(run)
    with pytest.raises(Exception, match="used on one event loop at a time"):
        asyncio.run(ask(run, make_snapshot(), instructions="", prompt="?", output=Plan))
