"""The HTTP API, served for tests, over a real orchestrator; and a real runner for tests of pages."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.settings import Settings
from recursor.runner.port import listen
from recursor.runner.team import observers_team
from recursor.runtime.clock import SystemClock
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import memory_store
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient
from recursor.web.server import WebServer
from tests.web.teams import Teams


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with closing(memory_store()) as store:
        yield store


@pytest.fixture
def orchestrator(store: MemoryStore) -> Iterator[Any]:
    orchestrator = Orchestrator.start(store=store, roles=observers_team())
    yield orchestrator
    if orchestrator.is_alive():
        orchestrator.stop()


@pytest.fixture
def engine(store: MemoryStore, orchestrator: Any) -> Iterator[Engine]:
    with closing(SystemClock()) as clock:
        yield Engine(ActorClient(orchestrator), store, Settings(), clock)


@pytest.fixture
def client(engine: Engine) -> Iterator[httpx.Client]:
    with listen(0) as listener:
        port = listener.getsockname()[1]
        server = WebServer(make_app(engine, port), listener, on_stop=engine.events.close)
        server.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as client:
            yield client
        server.stop()


@pytest.fixture
def stack(client: httpx.Client) -> str:
    made = client.post("/api/stacks", json={"name": "one"})
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/stacks/{made.json()['id']}"
    return made.headers["location"]


@pytest.fixture(scope="session")
def shared_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    """A runner for many tests: each deletes the teams that it made."""
    with Teams.of_a_runner(tmp_path_factory.mktemp("shared") / "data") as teams:
        yield teams
