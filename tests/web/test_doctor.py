"""The doctor over HTTP, beside a store in memory, and beside an orchestrator that is gone."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from recursor.actors.messages import CreateStack
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.settings import Settings
from recursor.runner.team import observers_team
from recursor.runtime.clock import SystemClock
from recursor.storage.opening import memory_store
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient
from tests.making import STACK, make_stack

PORT = 3002
Get = Callable[..., httpx.Response]


@pytest.fixture
def orchestrator() -> Iterator[Any]:
    with closing(memory_store()) as store:
        orchestrator = Orchestrator.start(store=store, roles=observers_team())
        orchestrator.ask(CreateStack(make_stack(state="idle", created_at=0.0)))
        yield orchestrator, store
        if orchestrator.is_alive():
            orchestrator.stop()


@pytest.fixture
def get(orchestrator: Any) -> Iterator[Get]:
    """Asks the application as a program on this machine does."""
    actor, store = orchestrator
    with closing(SystemClock()) as clock:
        app = make_app(Engine(ActorClient(actor), store, Settings(), clock), PORT)

        async def ask(path: str, parameters: dict[str, str]) -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{PORT}") as client:
                return await client.get(path, params=parameters)

        yield lambda path, **parameters: asyncio.run(ask(path, parameters))


def test_everything_is_looked_at_that_can_be_seen_from_there(get: Get) -> None:
    report = get("/api/doctor").json()
    outcomes = {check["id"]: check["outcome"] for check in report["checks"]}
    assert report["findings"] == []
    assert report["totals"]["states"] == {"idle": 1}
    assert outcomes["runner"] == outcomes["agents-waiting"] == outcomes["failure-rate"] == "ok"
    assert outcomes["disk-space"] == outcomes["lock"] == "unknown"


@pytest.mark.parametrize("named", [STACK, STACK[:6], "Garden"])
def test_one_stack_can_be_named_as_in_a_command(get: Get, named: str) -> None:
    report = get("/api/doctor", stack=named).json()
    assert report["stack_id"] == STACK
    assert [finding["id"] for finding in report["findings"]] == ["not-running"]


@pytest.mark.parametrize(("named", "status"), [("orchard", 404), ("x" * 301, 422)])
def test_what_is_no_stack_is_refused(get: Get, named: str, status: int) -> None:
    refused = get("/api/doctor", stack=named)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"


def test_an_orchestrator_that_is_gone_is_a_finding(get: Get, orchestrator: Any) -> None:
    assert get("/api/doctor/runner").json()["load"]["agents_limit"] == 8
    orchestrator[0].stop()
    answer = get("/api/doctor")
    assert answer.status_code == 200
    (finding,) = json.loads(answer.text)["findings"]
    assert finding["id"] == "runner"
    assert "the orchestrator has ended" in finding["evidence"]
    assert get("/api/doctor/runner").json()["silence"] == "the orchestrator has ended"
