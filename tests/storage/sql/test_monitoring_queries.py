"""The queries that operators monitor their teams with."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from recursor.domain.execution import ExecutionStatus, GraphSummary, OrchestratorExecution
from tests.making import STACK, make_graph, make_report, make_status

HOUR, DAY = 3600.0, 86_400.0

RECENT = """-- Recent orchestrator executions
SELECT * FROM orchestrator_executions
ORDER BY started_at DESC
LIMIT 100;"""

FAILURES = """-- Check for failures
SELECT status, COUNT(*) as count
FROM orchestrator_executions
WHERE started_at > NOW() - INTERVAL 24 HOUR
GROUP BY status;"""

GRAPHS = """-- View execution graphs
SELECT * FROM execution_graphs
ORDER BY created_at DESC
LIMIT 50;"""

DURATION = """-- Average cycle duration
SELECT
  AVG(completed_at - started_at) as avg_duration_ms,
  COUNT(*) as total_cycles
FROM orchestrator_executions
WHERE status = 'completed'
  AND started_at > NOW() - INTERVAL 1 DAY;"""

DETECTION = """-- How often is work detected?
SELECT
  (planner_has_work OR builder_has_work OR
   communicator_has_work OR reviewer_has_work) as has_work,
  COUNT(*) as count
FROM work_detection_cache
WHERE computed_at > NOW() - INTERVAL 1 DAY
GROUP BY has_work;"""

PARALLEL = """-- Check parallel execution stats
SELECT
  graph_summary->>'parallel_executions' as max_parallel,
  COUNT(*) as count
FROM orchestrator_executions
WHERE graph_summary IS NOT NULL
GROUP BY max_parallel
ORDER BY max_parallel DESC;"""

ERRORS = """-- Compare error rates
SELECT
  status,
  COUNT(*) as count
FROM orchestrator_executions
WHERE started_at > NOW() - INTERVAL 1 DAY
GROUP BY status;"""

ALL = (RECENT, FAILURES, GRAPHS, DURATION, DETECTION, PARALLEL, ERRORS)


@pytest.fixture
def now(put: Callable[..., None]) -> float:
    """Fill the store with two days of three stacks, up to the time it is."""
    now = time.time()
    cycles = (
        (2 * DAY, 100.0, ExecutionStatus.FAILED, 1),
        (3 * HOUR, 2.0, ExecutionStatus.COMPLETED, 3),
        (2 * HOUR, 5.0, ExecutionStatus.COMPLETED, 2),
        (HOUR, 1.0, ExecutionStatus.FAILED, 2),
        (1.0, None, ExecutionStatus.RUNNING, None),
    )
    for number, (ago, took, status, parallel) in enumerate(cycles, 1):
        started = now - ago
        execution = OrchestratorExecution(
            id=f"{number:032}",
            stack_id=STACK,
            number=number,
            epoch=0,
            status=status,
            started_at=started,
            finished_at=None if took is None else started + took,
            summary=None if parallel is None else GraphSummary(max_parallel=parallel, waves=2),
        )
        put(execution, make_graph(id=execution.id, created_at=started))
    for stack, ago, priority in (("a", 60.0, 8), ("b", 60.0, 0), ("c", 3 * DAY, 5)):
        statuses = {"builder": make_status(priority), "planner": make_status(0)}
        put(make_report(statuses, stack_id=stack, computed_at=now - ago))
    return now


def test_recent_executions_come_newest_first_and_whole(now: float, ask: Callable[..., Any]) -> None:
    result = ask(RECENT)
    names = [column["name"] for column in result["columns"]]
    found = [dict(zip(names, row, strict=True)) for row in result["rows"]]
    assert [execution["number"] for execution in found] == [5, 4, 3, 2, 1]
    assert found[1]["status"] == "failed"
    assert found[1]["summary"]["max_parallel"] == 2
    assert found[1]["completed_at"] == found[1]["finished_at"]
    assert found[1]["duration"] == pytest.approx(1.0)
    assert found[0]["completed_at"] is None


@pytest.mark.parametrize("query", [FAILURES, ERRORS])
def test_failures_of_the_last_day_are_counted(now: float, rows: Callable[..., Any], query: str) -> None:
    assert sorted(rows(query)) == [["completed", 2], ["failed", 1], ["running", 1]]


def test_graphs_come_newest_first(now: float, ask: Callable[..., Any]) -> None:
    result = ask(GRAPHS)
    assert [column["name"] for column in result["columns"]] == ["id", "stack_id", "created_at", "nodes"]
    assert [row[0] for row in result["rows"]] == [f"{number:032}" for number in (5, 4, 3, 2, 1)]
    assert result["rows"][0][3][0]["role"] == "planner"


def test_the_average_duration_is_that_of_completed_cycles(now: float, ask: Callable[..., Any]) -> None:
    result = ask(DURATION)
    assert result["columns"][0] == {"name": "avg_duration_ms", "type": "INTERVAL"}
    ((average, count),) = result["rows"]
    assert average == pytest.approx(3.5)
    assert count == 2


def test_work_is_detected_where_any_role_has_some(now: float, rows: Callable[..., Any]) -> None:
    # Of two teams that have a planner and a builder only; the third was last looked at days ago.
    assert sorted(rows(DETECTION)) == [[False, 1], [True, 1]]


def test_cycles_are_counted_by_their_widest_wave(now: float, rows: Callable[..., Any]) -> None:
    assert rows(PARALLEL) == [["3", 1], ["2", 2], ["1", 1]]


@pytest.mark.parametrize("query", ALL)
def test_an_empty_store_has_the_same_columns(
    query: str, ask: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    empty = ask(query)["columns"]
    request.getfixturevalue("now")
    assert ask(query)["columns"] == empty
