"""The resource /api/sql, over a store on disk."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.process_settings import SqlSettings
from recursor.domain.settings import Settings
from recursor.runner.port import listen
from recursor.runner.team import observers_team
from recursor.runtime.clock import SystemClock
from recursor.storage.data_directory import store_directory
from recursor.storage.opening import open_store
from recursor.storage.sql.result import SqlResult
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient
from recursor.web.problems import MEDIA_TYPE
from recursor.web.server import WebServer

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 1"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    with ExitStack() as held:

        def serve(**limits: Any) -> httpx.Client:
            store = held.enter_context(closing(open_store(store_directory(tmp_path))))
            orchestrator = Orchestrator.start(store=store, roles=observers_team())
            held.callback(orchestrator.stop)
            clock = held.enter_context(closing(SystemClock()))
            engine = Engine(
                ActorClient(orchestrator), store, Settings(), clock, data=tmp_path, sql=SqlSettings(**limits)
            )
            listener = held.enter_context(closing(listen(0)))
            port = listener.getsockname()[1]
            server = WebServer(make_app(engine, port), listener)
            held.callback(server.stop)
            server.start()
            return held.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180))

        yield serve


def ask(client: httpx.Client, query: object) -> httpx.Response:
    return client.post("/api/sql", json={"query": query})


def test_a_query_is_answered_with_columns_types_and_rows(serve: Callable[..., httpx.Client]) -> None:
    client = serve()
    stack = client.post("/api/stacks", json={"name": "garden", "idea": "a planner"}).json()
    answer = ask(client, "SELECT id, name, created_at, settings FROM agent_stacks")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    result = SqlResult.model_validate_json(answer.content)
    assert [(column.name, column.type) for column in result.columns] == [
        ("id", "VARCHAR"),
        ("name", "VARCHAR"),
        ("created_at", "TIMESTAMP WITH TIME ZONE"),
        ("settings", "JSON"),
    ]
    ((stack_id, name, created_at, settings),) = result.rows
    assert (stack_id, name, settings) == (stack["id"], "garden", {})
    assert str(created_at).startswith(stack["created_at"][:19])
    assert (result.truncated, result.warnings) == (False, ())
    assert result.seconds > 0


def test_a_query_may_lower_its_limits_and_not_raise_them(serve: Callable[..., httpx.Client]) -> None:
    client = serve(rows=3, seconds=5)

    def limited(**limits: object) -> httpx.Response:
        return client.post("/api/sql", json={"query": "SELECT range FROM range(4)", **limits})

    assert (limited(rows=2).json()["rows"], limited(rows=2).json()["truncated"]) == ([[0], [1]], True)
    assert limited(rows=3, seconds=5).json()["rows"] == limited().json()["rows"] == [[0], [1], [2]]
    for limits, said in (
        ({"rows": 4}, "query: 4 rows are more than the 3 that the runner's setting sql.rows allows"),
        ({"seconds": 5.5}, "query: 5.5 s are more than the 5 s that the runner's setting sql.seconds allows"),
        ({"rows": 0}, "rows: "),
        ({"seconds": 0}, "seconds: "),
    ):
        answer = limited(**limits)
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
    slow = client.post("/api/sql", json={"query": ENDLESS, "seconds": 0.5})
    assert (slow.status_code, slow.json()["detail"].partition(":")[2][:24]) == (
        422,
        " took longer than 0.5 s:",
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM zebra", "query: no table zebra: there are agent_stacks"),
        ("DELETE FROM todos", "query: DELETE is not possible here"),
        ("SELECT * FROM read_text('/etc/passwd')", "query: read_text() is not possible here"),
        ("COPY todos TO '/tmp/x'", "query: COPY is not possible here"),
        (None, "body.query: "),
        ("", "body.query: "),
        ("x" * 100_001, "body.query: "),
    ],
)
def test_a_wrong_query_is_a_problem_that_says_why(
    serve: Callable[..., httpx.Client], query: object, said: str
) -> None:
    answer = ask(serve(), query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == "urn:recursor:problem:invalid-input"
    assert said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


def test_half_a_character_is_a_problem_too(serve: Callable[..., httpx.Client]) -> None:
    body = rb'{"query": "SELECT \ud800"}'
    answer = serve().post("/api/sql", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_a_query_is_ended_at_its_limit(serve: Callable[..., httpx.Client]) -> None:
    answer = ask(serve(seconds=0.3), ENDLESS)
    assert answer.status_code == 422
    assert "took longer than 0.3 s" in answer.json()["detail"]


def test_a_result_is_cut_off_at_its_limit(serve: Callable[..., httpx.Client]) -> None:
    result = ask(serve(rows=2), "SELECT range FROM range(5)").json()
    assert result["rows"] == [[0], [1]]
    assert result["truncated"] is True


def test_only_so_many_run_at_a_time_and_the_rest_goes_on(serve: Callable[..., httpx.Client]) -> None:
    client = serve(seconds=3, at_a_time=1)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(ask, client, ENDLESS) for _ in range(2)]
        (refused,) = wait(asked, return_when=FIRST_COMPLETED).done
        # What is no query is answered meanwhile.
        assert client.get("/api/health").status_code == 200
        (running,) = set(asked) - {refused}
    assert running.result().status_code == 422
    answer = refused.result()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == "urn:recursor:problem:busy"
    assert (
        answer.json()["detail"]
        == "sql: the limit of 1 concurrent queries is reached: try again when one has ended"
    )
    assert ask(client, "SELECT 1").status_code == 200
