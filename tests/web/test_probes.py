"""What monitors ask, over a real orchestrator."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.execution import (
    Decision,
    DecisionKind,
    ExecutionStatus,
    GraphSummary,
    OrchestratorExecution,
)
from recursor.domain.graph import Usage
from recursor.domain.settings import Settings
from recursor.runner.port import listen
from recursor.runner.team import observers_team
from recursor.runtime.clock import SystemClock
from recursor.storage.data_directory import store_directory
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from recursor.storage.rollups import count_execution
from recursor.web.access import WebAccess
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient
from recursor.web.server import WebServer
from tests.making import NOW, STACK, make_graph, make_node, make_stack
from tests.storing import put_all, put_stack

Client = httpx.Client


@contextmanager
def served(engine: Engine, **options: Any) -> Iterator[Client]:
    with listen(0) as listener:
        port = listener.getsockname()[1]
        server = WebServer(make_app(engine, port, **options), listener)
        server.start()
        with Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as client:
            yield client
        server.stop()


@pytest.fixture
def store(data: Path) -> Iterator[LmdbStore]:
    with closing(open_store(store_directory(data))) as store:
        yield store


@pytest.fixture
def orchestrator(store: LmdbStore) -> Iterator[Any]:
    orchestrator = Orchestrator.start(store=store, roles=observers_team())
    yield orchestrator
    if orchestrator.is_alive():
        orchestrator.stop()


@pytest.fixture
def engine(store: LmdbStore, orchestrator: Any, data: Path) -> Iterator[Engine]:
    with closing(SystemClock()) as clock:
        yield Engine(ActorClient(orchestrator), store, Settings(), clock, data=data)


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    with served(engine) as client:
        yield client


def figures(client: Client) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_figures_are_those_of_the_store_and_the_orchestrator(client: Client, store: LmdbStore) -> None:
    def work(writer: Any) -> None:
        put_stack(writer, make_stack(state="idle"))
        put_stack(writer, make_stack(id="5eed000000000002", name="other", state="paused"))
        usages = (Usage(model="m", input_tokens=10, output_tokens=3, cost="0.25"), Usage(input_tokens=1))
        graph = make_graph([make_node(role, usage=usage) for role, usage in zip("ab", usages, strict=True)])
        for status, stack_id in (
            (ExecutionStatus.COMPLETED, STACK),
            (ExecutionStatus.FAILED, "5eed000000000002"),
        ):
            execution = OrchestratorExecution(
                id="1",
                stack_id=stack_id,
                number=1,
                epoch=0,
                status=status,
                started_at=NOW - 2,
                finished_at=NOW,
                decision=Decision(kind=DecisionKind.PAUSE, reason="because"),
                summary=GraphSummary(agents_run=3, agents_failed=1, agent_seconds=4.5),
            )
            count_execution(writer, execution, graph)

    put_all(store, work)
    assert client.delete("/api/stacks/5eed000000000002").status_code == 204
    found = figures(client)
    assert found["recursor_orchestrator_up",] == 1
    assert found["recursor_stacks", "idle"] == 1
    assert found["recursor_stacks", "paused"] == 0
    assert found["recursor_cycles_total", "completed"] == 1
    assert found["recursor_cycles_total", "failed"] == 1
    assert found["recursor_cycle_seconds_total",] == pytest.approx(4)
    assert found["recursor_agent_runs_total",] == 6
    assert found["recursor_agent_failures_total",] == 2
    assert found["recursor_agent_seconds_total",] == 9
    assert found["recursor_decisions_total", "pause"] == 2
    assert found["recursor_tokens_total", "input", "m"] == 20
    assert found["recursor_tokens_total", "output", "m"] == 6
    assert found["recursor_tokens_total", "input", "unknown"] == 2
    assert found["recursor_cost_dollars_total", "m"] == 0.5
    assert found["recursor_unpriced_tokens_total", "m"] == 0
    assert found["recursor_unpriced_tokens_total", "unknown"] == 2
    assert found["recursor_agents_running",] == 0
    assert found["recursor_store_bytes",] > 0


def test_who_lives_may_not_be_ready(client: Client, orchestrator: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    orchestrator.stop()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]
    found = figures(client)
    assert found["recursor_orchestrator_up",] == 0
    assert ("recursor_active_stacks",) not in found
    assert found["recursor_stacks", "running"] == 0


def test_a_store_that_cannot_be_read_is_the_reason(client: Client, store: LmdbStore) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    store.close()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "the store is closed" in answer.json()["detail"]


def test_monitors_may_ask_without_the_token_whether_all_is_well_and_nothing_else(engine: Engine) -> None:
    with served(engine, access=WebAccess(token="a-secret-of-many-letters")) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 401
        bearer = {"authorization": "Bearer a-secret-of-many-letters"}
        assert client.get("/metrics", headers=bearer).status_code == 200
