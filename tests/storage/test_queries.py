"""The public queries: what an operator asks of a stack, its range, and its refusals."""

from decimal import Decimal
from typing import Any

import pytest

from recursor.domain.agent_state import AgentState
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.execution import (
    Decision,
    DecisionKind,
    ExecutionStatus,
    GraphSummary,
    OrchestratorExecution,
)
from recursor.domain.graph import ModelUsage, NodeStatus, Usage
from recursor.domain.settings import Settings
from recursor.domain.stack import Stack
from recursor.domain.statistics import Use
from recursor.domain.work import WorkStatus
from recursor.orchestration.decision import summarise
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError
from recursor.storage.execution_listing import usage_of
from recursor.storage.queries import (
    UnreadableStack,
    agent_states,
    execution_graphs,
    list_stacks,
    orchestration_stats,
    recent_executions,
    stats_series,
    total_stats,
    work_detection_status,
)
from recursor.storage.rollups import count_execution
from recursor.storage.stack_store import delete_stack
from recursor.storage.store import Store
from recursor.storage.tables import ALL_STACKS, EXECUTIONS, STACKS, TODOS
from tests.making import NOW, STACK, make_graph, make_node, make_report, make_stack, make_status, make_todo
from tests.storage.writing import damage, put, write


def ask(store: Store, query: Any, *args: Any, **options: Any) -> Any:
    with store.read() as reader:
        return query(reader, *args, **options)


@pytest.fixture
def stack(database: Store) -> Store:
    put(database, make_stack(total_cycles=30))
    return database


def make_execution(number: int, **fields: Any) -> OrchestratorExecution:
    return OrchestratorExecution(
        **{
            "id": f"{number:032}",
            "stack_id": STACK,
            "number": number,
            "epoch": 0,
            "started_at": NOW + number,
            **fields,
        }
    )


class TestHistory:
    @pytest.fixture
    def history(self, stack: Store) -> Store:
        for number in range(1, 31):
            put(stack, make_execution(number), make_graph(id=f"{number:032}"))
        put(stack, make_execution(99, stack_id="5eed000000000002"))
        return stack

    @pytest.mark.parametrize(("query", "usual"), [(recent_executions, 20), (execution_graphs, 10)])
    def test_is_newest_first(self, history: Store, query: Any, usual: int) -> None:
        def numbers(**options: Any) -> list[int]:
            return [int(record.id) for record in ask(history, query, STACK, **options)]

        assert numbers() == list(range(30, 30 - usual, -1))
        assert numbers(limit=1) == [30]
        assert numbers(limit=10_000) == list(range(30, 0, -1))

    @pytest.mark.parametrize("query", [recent_executions, execution_graphs])
    def test_has_a_range_and_a_stack(self, history: Store, query: Any) -> None:
        for limit in (0, -1, 10_001):
            with pytest.raises(InvalidInputError, match=rf"^limit: must be 1 to 10000 \(got {limit}\)$"):
                ask(history, query, STACK, limit=limit)
        with pytest.raises(NotFoundError, match="no stack lost"):
            ask(history, query, "lost")

    def test_that_cannot_be_read_is_named(self, history: Store) -> None:
        key = f"{STACK}/{29:032}"
        damage(history, EXECUTIONS.name, key)
        assert len(ask(history, recent_executions, STACK, limit=1)) == 1
        with pytest.raises(CorruptRecordError, match=f"^orchestrator_executions {key}: "):
            ask(history, recent_executions, STACK)


class TestWorkStatus:
    """The detectors are asked what there is to do in what is on disk."""

    def status(self, store: Store, settings: Settings | None = None, stack_id: str = STACK) -> Any:
        def detect(snapshot: Any, settings: Settings, _now: float) -> WorkStatus:
            return make_status(len(snapshot.todos) + settings.detection.urgent_todo)

        roles = RoleRegistry([Role("planner", detect, None)])  # type: ignore[arg-type]
        return ask(store, work_detection_status, stack_id, roles, settings or Settings(), NOW)

    def test_is_that_of_the_moment(self, stack: Store) -> None:
        put(stack, make_report({"planner": make_status(9)}))
        before = self.status(stack)
        assert (before.computed_at, before.stack_id) == (NOW, STACK)
        put(stack, make_todo(1))
        assert self.status(stack).statuses["planner"].priority == before.statuses["planner"].priority + 1

    def test_is_that_of_the_stacks_own_settings(self, stack: Store) -> None:
        put(stack, make_stack(settings={"detection": {"urgent_todo": 5}}))
        runner = Settings().overridden({"detection": {"urgent_todo": 1}})
        assert self.status(stack, settings=runner).statuses["planner"].priority == 5

    def test_of_what_is_not_there_or_cannot_be_read_says_so(self, stack: Store) -> None:
        damage(stack, TODOS.name, f"{STACK}/0/{1:032}")
        with pytest.raises(CorruptRecordError, match=r"^todos "):
            self.status(stack)
        with pytest.raises(NotFoundError):
            self.status(stack, stack_id="lost")


class TestStats:
    def test_of_nothing_are_nought_and_unknown(self, stack: Store) -> None:
        stats = ask(stack, orchestration_stats, STACK, NOW - 60, NOW)
        assert (stats.cycles, stats.agents_run, stats.max_parallel, stats.decisions) == (0, 0, 0, {})
        assert (stats.success_rate, stats.average_seconds, stats.longest_seconds) == (None, None, None)
        assert stats.average_parallel is None
        assert (stats.stack_id, stats.since, stats.until, stats.total_cycles) == (STACK, NOW - 60, NOW, 30)

    def test_are_what_the_cycles_came_to(self, stack: Store) -> None:
        def ended(status: ExecutionStatus, seconds: float, wide: int, kind: DecisionKind | None) -> Any:
            return make_execution(
                1,
                status=status,
                started_at=NOW - seconds,
                finished_at=NOW,
                summary=GraphSummary(agents_run=wide, agents_failed=1, max_parallel=wide),
                decision=None if kind is None else Decision(kind=kind, reason="because"),
            )

        graph = make_graph([make_node("a", usage=Usage(input_tokens=10, output_tokens=3))])
        done, failed = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED
        for execution in (
            ended(done, 1, 2, DecisionKind.CONTINUE),
            ended(done, 2, 3, DecisionKind.PAUSE),
            ended(done, 3, 1, DecisionKind.PAUSE),
            ended(failed, 6, 2, DecisionKind.PAUSE),
            ended(ExecutionStatus.CANCELLED, 0, 0, None),
        ):
            write(stack, lambda commit, execution=execution: count_execution(commit, execution, graph))
        stats = ask(stack, orchestration_stats, STACK, NOW, NOW)
        assert (stats.cycles, stats.completed, stats.failed, stats.cancelled) == (5, 3, 1, 1)
        assert stats.success_rate == 0.75
        assert stats.average_seconds == pytest.approx(12 / 5)
        assert stats.longest_seconds == pytest.approx(6)
        assert (stats.agents_run, stats.agents_failed) == (8, 5)
        assert stats.average_parallel == pytest.approx(8 / 5)
        assert stats.max_parallel == 3
        assert stats.decisions == {"continue": 1, "pause": 3}
        assert (stats.input_tokens, stats.output_tokens) == (50, 15)

    def test_count_what_each_model_of_a_run_took_under_its_name(self, stack: Store) -> None:
        first = ModelUsage(model="openai:known", input_tokens=10, output_tokens=3, cost=Decimal("0.5"))
        second = ModelUsage(model="openai:unknown", input_tokens=20, output_tokens=4)
        both = Usage(model=second.model, input_tokens=30, output_tokens=7, models=(first, second))
        graph = make_graph([make_node("a", usage=both), make_node("b", usage=Usage(**first.model_dump()))])
        execution = make_execution(
            1, status=ExecutionStatus.COMPLETED, finished_at=NOW, summary=summarise(graph)
        )
        assert execution.summary is not None
        assert (execution.summary.cost, execution.summary.unpriced_tokens) == (Decimal(1), 24)
        write(stack, lambda commit: count_execution(commit, execution, graph))
        stats = ask(stack, orchestration_stats, STACK, NOW, NOW)
        known = Use(runs=2, input_tokens=20, output_tokens=6, cost=Decimal(1))
        unknown = Use(runs=1, input_tokens=20, output_tokens=4, unpriced_tokens=24)
        assert stats.models == {"openai:known": known, "openai:unknown": unknown}
        assert stats.roles["a"] == Use(
            runs=1, input_tokens=30, output_tokens=7, cost=Decimal("0.5"), unpriced_tokens=24
        )
        assert (stats.input_tokens, stats.cost, stats.unpriced_tokens) == (40, Decimal(1), 24)
        assert usage_of(graph) == Usage(input_tokens=40, output_tokens=10, cost=Decimal(1))

    @pytest.mark.parametrize(
        ("since", "until"),
        [(NOW, NOW - 1), (float("nan"), NOW), (NOW, float("nan")), (float("-inf"), NOW), (0, float("inf"))],
    )
    def test_need_a_time_range(self, stack: Store, since: float, until: float) -> None:
        with pytest.raises(InvalidInputError, match=r"^time range: ") as caught:
            ask(stack, orchestration_stats, STACK, since, until)
        assert len(str(caught.value).splitlines()) == 1

    def test_need_a_stack(self, stack: Store) -> None:
        with pytest.raises(NotFoundError):
            ask(stack, orchestration_stats, "lost", 0, NOW)


class TestTotals:
    def test_are_of_all_stacks_also_of_those_that_are_gone(self, stack: Store) -> None:
        graph = make_graph([make_node("a", usage=Usage(input_tokens=10, output_tokens=3))])
        for status, other, ended in (
            (ExecutionStatus.COMPLETED, STACK, NOW),
            (ExecutionStatus.FAILED, "5eed000000000002", NOW),
            (ExecutionStatus.COMPLETED, "5eed000000000002", NOW - 7200),
        ):
            summary = GraphSummary(agents_run=2, max_parallel=2)
            execution = make_execution(
                1, stack_id=other, status=status, started_at=ended - 4, finished_at=ended, summary=summary
            )
            write(stack, lambda commit, execution=execution: count_execution(commit, execution, graph))
        deletion = Commit(Fence(STACK, 1))
        delete_stack(deletion, STACK, "garden")
        stack.write(deletion)
        stats = ask(stack, total_stats, NOW - 60, NOW)
        assert (stats.cycles, stats.completed, stats.failed, stats.success_rate) == (2, 1, 1, 0.5)
        assert (stats.average_seconds, stats.agents_run, stats.input_tokens) == (pytest.approx(4), 4, 20)
        assert (stats.total_cycles, stats.total_agent_runs, stats.total_tokens) == (3, 6, 39)

    def test_of_nothing_are_nought_and_unknown(self, database: Store) -> None:
        stats = ask(database, total_stats, NOW - 60, NOW)
        assert (stats.cycles, stats.total_cycles, stats.success_rate) == (0, 0, None)

    def test_need_a_time_range(self, database: Store) -> None:
        with pytest.raises(InvalidInputError, match=r"^time range: "):
            ask(database, total_stats, NOW, NOW - 1)


class TestSeries:
    def test_is_of_a_stack_or_of_all(self, stack: Store) -> None:
        for other in (STACK, "5eed000000000002"):
            ended = make_execution(1, stack_id=other, finished_at=NOW)
            write(stack, lambda commit, ended=ended: count_execution(commit, ended, None))
        for whose, cycles in ((STACK, 1), (ALL_STACKS, 2)):
            series = ask(stack, stats_series, whose, NOW - 300, NOW, 60)
            assert [span.figures.cycles for span in series] == [0, 0, 0, 0, 0, cycles]
            assert all(span.until == span.since + 60 for span in series)
            assert series[-1].since <= NOW < series[-1].until

    @pytest.mark.parametrize(
        ("since", "seconds", "said"),
        [
            (NOW + 1, 60, "time range: ends"),
            (NOW - 60, 0, "bucket: must be whole minutes"),
            (NOW - 60, -60, "bucket: must be whole minutes"),
            (NOW - 60, 90, "bucket: must be whole minutes"),
            (NOW - 60 * 10_000, 60, "bucket: 10001 of 60 s are more than 10000"),
        ],
    )
    def test_refuses_what_makes_no_series(self, stack: Store, since: float, seconds: int, said: str) -> None:
        with pytest.raises(InvalidInputError, match=f"^{said}"):
            ask(stack, stats_series, STACK, since, NOW, seconds)

    def test_needs_a_stack(self, stack: Store) -> None:
        with pytest.raises(NotFoundError):
            ask(stack, stats_series, "lost", NOW, NOW)


def test_an_agent_that_runs_is_shown_so_and_others_as_their_last_run_ended(database: Store) -> None:
    nodes = [
        make_node("planner", status=NodeStatus.RUNNING, attempts=1),
        make_node("builder", status=NodeStatus.RUNNING, attempts=1),
        make_node("reviewer", status=NodeStatus.PENDING, wave=1),
    ]
    graph = make_graph(nodes)
    kept = [
        AgentState(stack_id=STACK, role="builder", last_error="no", execution_state="failed", updated_at=NOW),
        AgentState(stack_id=STACK, role="reviewer", last_run_at=NOW, updated_at=NOW),
    ]

    put(database, make_stack(current_execution_id=graph.id), graph, *kept)
    with database.read() as reader:
        states = agent_states(reader, STACK)
    shown = [(state.role, state.execution_state.value, state.last_error) for state in states]
    assert shown == [("builder", "running", "no"), ("planner", "running", None), ("reviewer", "idle", None)]


def test_all_stacks_are_listed_those_that_cannot_be_read_too(database: Store) -> None:
    put(database, *(make_stack(id=stack_id) for stack_id in ("c", "a", "b")))
    damage(database, STACKS.name, "b")
    with database.read() as reader:
        found = list(list_stacks(reader))
    assert [each.id for each in found] == ["a", "b", "c"]
    assert [type(each) for each in found] == [Stack, UnreadableStack, Stack]
    assert isinstance(found[1], UnreadableStack)
    assert found[1].problem.startswith("agent_stacks b: is not a readable Stack")
