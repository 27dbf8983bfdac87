"""A list tells who really runs: not who waits for a slot, nor who ran when a runner was killed."""

import asyncio
from contextlib import closing
from dataclasses import replace
from threading import Event
from typing import Any

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent import Run
from recursor.domain.commands import CreateStack
from recursor.domain.effect import Outcome
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.runtime.clock import SystemClock
from recursor.storage.opening import memory_store
from recursor.storage.stack_listing import StackFilter, StackListed, StackOrder, list_page
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient
from recursor.web.running import with_running
from tests.making import make_stack
from tests.processes import wait_for


class Waiting:
    """Works until it is told to end."""

    def __init__(self) -> None:
        self.ended = Event()

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        self.ended.wait()
        return Outcome(summary="done")


def has_work(*_: Any) -> WorkStatus:
    return WorkStatus(has_work=True, priority=5, reason="always")


def listed(engine: Engine) -> list[StackListed]:
    with engine.read() as reader:
        page = list_page(reader, engine.now(), StackFilter(), StackOrder.NAME, 10, None)
    return list(asyncio.run(with_running(engine, page.items)))


def running(engine: Engine) -> list[bool | None]:
    """Of each stack whether its agent runs or waits; None: it has none."""
    return [each.running[0].since is not None if each.running else None for each in listed(engine)]


def test_who_waits_for_a_place_does_not_run() -> None:
    agent = Waiting()
    with closing(memory_store()) as store, closing(SystemClock()) as clock:
        orchestrator = Orchestrator.start(
            store=store,
            roles=RoleRegistry([Role("builder", has_work, agent)]),
            runner=RunnerSettings(agents=1),
        )
        engine = Engine(ActorClient(orchestrator), store, Settings(), clock)
        try:
            for number in range(2):
                stack = make_stack(id=f"{number:016}", name=f"team {number}", state="idle")
                orchestrator.ask(CreateStack(stack, start=True))
                wait_for(lambda wanted=number: running(engine)[: wanted + 1] == [True, False][: wanted + 1])
            unserved = listed(replace(engine, runs_agents=False))
            assert [(each.running, each.waits) for each in unserved] == [((), "no runner is up")] * 2
        finally:
            agent.ended.set()
            orchestrator.stop()
