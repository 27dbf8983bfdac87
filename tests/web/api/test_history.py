"""What a stack did, over HTTP: executions, graphs, traces, figures."""

from typing import Any

import httpx
import pytest

from benchmarks.population import id_of
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import Usage
from recursor.domain.record import iso
from recursor.domain.trace import Trace
from recursor.storage.commit import Commit
from recursor.storage.rollups import count_execution
from recursor.storage.store import Store
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS, TRACES
from tests.making import NOW, STACK, make_graph, make_node, make_stack
from tests.storing import put_all
from tests.web.api.test_conversations import pages
from tests.web.problems import problem

WHERE = f"/api/stacks/{STACK}"


def write(writer: Commit, number: int, status: ExecutionStatus, kind: DecisionKind, at: float) -> str:
    execution = OrchestratorExecution(
        id=id_of(at),
        stack_id=STACK,
        number=number,
        epoch=0,
        status=status,
        started_at=at,
        finished_at=at + 2,
        decision=Decision(kind=kind, reason="as it is"),
    )
    graph = make_graph(
        [
            make_node("planner", usage=Usage(model="m", input_tokens=10, output_tokens=1, cost="0.5")),
            make_node("builder", usage=Usage(model="m", input_tokens=5, output_tokens=2, cost="0.25")),
            make_node("reviewer"),
        ],
        id=execution.id,
    )
    EXECUTIONS.add(writer, execution)
    GRAPHS.add(writer, graph)
    count_execution(writer, execution, graph)
    return execution.id


@pytest.fixture
def ids(store: Store) -> list[str]:
    """A cycle a minute, six of them."""
    done, failed = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED
    go, wait = DecisionKind.CONTINUE, DecisionKind.PAUSE
    each = [(done, go), (failed, wait), (done, wait), (done, go), (failed, go), (done, wait)]

    def work(writer: Commit) -> list[str]:
        STACKS.add(writer, make_stack(total_cycles=6))
        return [write(writer, n, *kind, NOW + 60 * n) for n, kind in enumerate(each)]

    return put_all(store, work)


@pytest.mark.usefixtures("ids")
class TestExecutions:
    def test_are_listed_newest_first_page_by_page(self, client: httpx.Client, ids: list[str]) -> None:
        assert [each["id"] for each in pages(client, f"{WHERE}/executions")] == ids[::-1]
        assert [each["id"] for each in pages(client, f"{WHERE}/graphs")] == ids[::-1]

    def test_are_filtered(self, client: httpx.Client) -> None:
        def numbers(**which: Any) -> list[int]:
            return [each["number"] for each in pages(client, f"{WHERE}/executions", **which)]

        assert numbers(status="failed") == [4, 1]
        assert numbers(decision="pause") == [5, 2, 1]
        assert numbers(status="completed", decision=["pause"]) == [5, 2]
        assert numbers(status=["running", "cancelled"]) == []
        assert numbers(since=iso(NOW + 120)) == [5, 4, 3, 2]
        assert numbers(until=iso(NOW + 120)) == [2, 1, 0]
        assert numbers(since=iso(NOW + 60), until=iso(NOW + 180), status="completed") == [3, 2]

    def test_times_may_have_any_offset(self, client: httpx.Client) -> None:
        # NOW is 2023-11-14T22:13:20Z.
        for since in ("2023-11-15T00:15:20+02:00", "2023-11-14t22:15:20z", "2023-11-14T22:15:20.000Z"):
            found = client.get(f"{WHERE}/executions", params={"since": since}).json()["items"]
            assert [each["number"] for each in found] == [5, 4, 3, 2]
        plus_not_escaped = client.get(f"{WHERE}/executions?since=2023-11-15T00:15:20+02:00")
        assert len(plus_not_escaped.json()["items"]) == 4

    @pytest.mark.parametrize("since", ["2016-12-31T23:59:60Z", "9999-12-31T23:59:60Z"])
    def test_a_leap_second_is_a_time(self, client: httpx.Client, since: str) -> None:
        assert client.get(f"{WHERE}/executions", params={"since": since}).status_code == 200

    @pytest.mark.parametrize(
        "since",
        [
            "yesterday",
            "1700000000",
            "2023-11-15",
            "2023-11-15T00:15:20",
            "2023-11-15T00:60:20Z",
            "2023-11-15T00:15:61Z",
        ],
    )
    def test_a_time_is_one(self, client: httpx.Client, since: str) -> None:
        answer = client.get(f"{WHERE}/executions", params={"since": since})
        assert "RFC 3339" in problem(answer, 422, "invalid-input")

    def test_one_is_shown_with_its_graph_and_what_it_cost(self, client: httpx.Client, ids: list[str]) -> None:
        shown = client.get(f"{WHERE}/executions/{ids[2]}").json()
        assert shown["execution"]["number"] == 2
        assert [node["role"] for node in shown["graph"]["nodes"]] == ["planner", "builder", "reviewer"]
        assert shown["usage"] == {
            "model": "m",
            "input_tokens": 15,
            "output_tokens": 3,
            "cost": "0.75",
            "models": [],
        }

    def test_one_whose_graph_is_gone_is_shown_without(
        self, client: httpx.Client, store: Store, ids: list[str]
    ) -> None:
        put_all(store, lambda writer: GRAPHS.delete(writer, STACK, ids[0]))
        shown = client.get(f"{WHERE}/executions/{ids[0]}").json()
        assert shown["graph"] is None
        assert shown["usage"]["input_tokens"] == 0


@pytest.mark.usefixtures("ids")
class TestFigures:
    def test_of_a_stack(self, client: httpx.Client) -> None:
        figures = client.get(f"{WHERE}/stats", params={"since": iso(NOW), "until": iso(NOW + 400)}).json()
        assert (figures["cycles"], figures["failed"], figures["total_cycles"]) == (6, 2, 6)
        assert figures["success_rate"] == pytest.approx(4 / 6)

    def test_of_all_stacks(self, client: httpx.Client) -> None:
        figures = client.get("/api/stats", params={"since": iso(NOW), "until": iso(NOW + 400)}).json()
        assert (figures["cycles"], figures["input_tokens"]) == (6, 90)
        assert client.get("/api/stats").json()["cycles"] == 0

    @pytest.mark.parametrize("where", ["/api/stats/series", f"{WHERE}/stats/series"])
    def test_over_time(self, client: httpx.Client, where: str) -> None:
        which = {"since": iso(NOW), "until": iso(NOW + 300), "seconds": 60}
        series = client.get(where, params=which).json()
        assert [span["figures"]["cycles"] for span in series] == [1] * 6
        assert len(client.get(where).json()) == 25

    def test_need_a_range_that_is_one(self, client: httpx.Client) -> None:
        backwards = {"since": iso(NOW), "until": iso(NOW - 1)}
        assert "swap the two" in problem(client.get("/api/stats", params=backwards), 422, "invalid-input")
        for seconds in (0, 90, 59):
            answer = client.get("/api/stats/series", params={"seconds": seconds})
            problem(answer, 422, "invalid-input")


class TestTraces:
    @pytest.fixture(autouse=True)
    def written(self, store: Store) -> None:
        def work(writer: Commit) -> None:
            STACKS.add(writer, make_stack())
            for number in range(6):
                TRACES.add(
                    writer,
                    Trace(
                        id=f"{number:032}",
                        stack_id=STACK,
                        execution_id=f"{1:032}",
                        role="builder" if number % 2 else "planner",
                        created_at=NOW,
                        summary=f"Wrote part {number}",
                    ),
                )

        put_all(store, work)

    def test_are_listed_by_role_and_text(self, client: httpx.Client) -> None:
        def numbers(**which: Any) -> list[int]:
            return [int(each["id"]) for each in pages(client, f"{WHERE}/traces", **which)]

        assert numbers() == [5, 4, 3, 2, 1, 0]
        assert numbers(role="builder") == [5, 3, 1]
        assert numbers(text="PART 4") == [4]
        assert numbers(role="builder", text="part 4") == []

    def test_a_role_has_the_form_of_one(self, client: httpx.Client) -> None:
        problem(client.get(f"{WHERE}/traces", params={"role": "Not A Role"}), 422, "invalid-input")
