"""History goes by age and by count, oldest first, in portions; what is running stays."""

from typing import Any

import pytest

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.ids import earliest_id
from recursor.domain.settings import RetentionSettings
from recursor.domain.trace import Trace
from recursor.storage import retention
from recursor.storage.retention import prune
from recursor.storage.rollups import ALL_STACKS, count_execution, sum_rollups
from recursor.storage.store import Store
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS, TABLES, TRACES
from tests.making import NOW, STACK, make_graph, make_stack

DAY = 86_400.0
OTHER = "5eed000000000002"
EVERYTHING = RetentionSettings(executions=1000, traces=1000, days=10_000)


def identity(days_ago: float) -> str:
    return earliest_id(NOW - days_ago * DAY).ljust(32, "7")


def live(store: Store, *days_ago: float, stack_id: str = STACK) -> None:
    def work(writer: Any) -> None:
        for days in days_ago:
            at, each = NOW - days * DAY, identity(days)
            execution = OrchestratorExecution(
                id=each, stack_id=stack_id, number=1, epoch=0, started_at=at, finished_at=at
            )
            EXECUTIONS.add(writer, execution)
            GRAPHS.add(writer, make_graph(id=each, stack_id=stack_id))
            TRACES.add(
                writer,
                Trace(
                    id=each, stack_id=stack_id, execution_id=each, role="a", created_at=at, summary="was here"
                ),
            )
            count_execution(writer, execution, None)

    store.write(work)


def prune_all(store: Store, keep: RetentionSettings) -> list[int]:
    removed = []
    while True:
        removed.append(store.write(lambda writer: prune(writer, STACK, keep, NOW)))
        if not removed[-1]:
            return removed[:-1]


def left(store: Store, table: Any, stack_id: str = STACK) -> list[str]:
    with store.read() as reader:
        return [record.id for record in table.scan(reader, stack_id)]


def test_nothing_goes_that_may_stay(database: Store) -> None:
    live(database, 3, 2, 1)
    with database.read() as reader:
        before = {table: dict(reader.scan(table)) for table in TABLES}
    assert prune_all(database, EVERYTHING) == []
    with database.read() as reader:
        assert {table: dict(reader.scan(table)) for table in TABLES} == before


@pytest.mark.parametrize(
    "limits", [{"days": 2.5}, {"executions": 2, "traces": 2}, {"days": 2.5, "executions": 2}]
)
def test_what_is_too_old_or_too_many_goes_with_its_graph(database: Store, limits: dict[str, Any]) -> None:
    live(database, 5, 4, 3, 2, 1)
    live(database, 5, 4, 3, 2, 1, stack_id=OTHER)
    keep = RetentionSettings(**{"executions": 1000, "traces": 1000, "days": 10_000.0, **limits})
    assert sum(prune_all(database, keep)) == 6
    for table in (EXECUTIONS, GRAPHS, TRACES):
        assert left(database, table) == [identity(2), identity(1)]
        assert len(left(database, table, OTHER)) == 5


def test_each_has_a_count_of_its_own(database: Store) -> None:
    live(database, 5, 4, 3, 2, 1)
    prune_all(database, RetentionSettings(executions=1, traces=4, days=10_000))
    assert len(left(database, EXECUTIONS)) == len(left(database, GRAPHS)) == 1
    assert len(left(database, TRACES)) == 4


def test_the_stricter_of_age_and_count_decides(database: Store) -> None:
    live(database, 5, 4, 3, 2, 1)
    prune_all(database, RetentionSettings(executions=4, traces=1, days=2.5))
    assert len(left(database, EXECUTIONS)) == 2
    assert len(left(database, TRACES)) == 1


def test_no_transaction_is_long(database: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH", 3)
    live(database, *range(10, 0, -1))
    assert prune_all(database, RetentionSettings(executions=2, traces=9, days=10_000)) == [4, 3, 2]
    assert left(database, EXECUTIONS) == [identity(2), identity(1)]


def test_the_cycle_that_is_running_stays_however_old(database: Store) -> None:
    live(database, 90, 80, 70, 1)
    paused = make_stack(state="paused", current_execution_id=identity(80))
    database.write(lambda writer: STACKS.put(writer, paused))
    prune_all(database, RetentionSettings(executions=1000, traces=1000, days=30))
    assert left(database, EXECUTIONS) == left(database, GRAPHS) == [identity(80), identity(1)]


def test_statistics_are_forgotten_by_age_alone(database: Store) -> None:
    live(database, 100, 40, 20, 1)
    prune_all(database, RetentionSettings(executions=1, traces=1, days=30))
    with database.read() as reader:
        assert sum_rollups(reader, STACK, 0, NOW).cycles == 2
        assert sum_rollups(reader, ALL_STACKS, 0, NOW).cycles == 3


def test_a_stack_without_history_has_nothing_to_lose(database: Store) -> None:
    assert prune_all(database, RetentionSettings(executions=1, traces=1, days=0.001)) == []
    assert prune_all(database, RetentionSettings(days=1e9)) == []
