"""Statistics from sums are those from the cycles themselves, over any span, to the minute."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.execution import (
    Decision,
    DecisionKind,
    ExecutionStatus,
    GraphSummary,
    OrchestratorExecution,
)
from recursor.domain.graph import ExecutionGraph, Usage
from recursor.domain.statistics import Rollup
from recursor.storage.codec import pack, unpack
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError
from recursor.storage.rollups import (
    ALL_STACKS,
    ALL_STACKS_DAYS,
    MAX_NAME,
    MAX_NAMES,
    OTHERS,
    count_execution,
    delete_old_totals,
    delete_rollups,
    delete_rollups_before,
    lifetime_rollup,
    rollup_series,
    sum_rollups,
    sum_up_all_stacks,
)
from recursor.storage.store import Store
from recursor.storage.tables import HOURS, LIFETIME, MINUTES
from tests.making import NOW, STACK, make_graph, make_node

START = 1_699_999_200.0  # the beginning of an hour
OTHER = "5eed000000000002"

Cycle = tuple[OrchestratorExecution, ExecutionGraph | None]


def cycle(
    finished: float,
    seconds: float = 1.0,
    status: ExecutionStatus = ExecutionStatus.COMPLETED,
    summary: GraphSummary | None = None,
    decision: DecisionKind | None = None,
    tokens: int | None = None,
    model: str | None = None,
    cost: int | None = None,
    stack_id: str = STACK,
) -> Cycle:
    execution = OrchestratorExecution(
        id="1",
        stack_id=stack_id,
        number=1,
        epoch=0,
        status=status,
        started_at=finished - seconds,
        finished_at=finished,
        decision=None if decision is None else Decision(kind=decision, reason="because"),
        summary=summary,
    )
    usage = (
        None
        if tokens is None
        else Usage(
            model=model,
            input_tokens=tokens,
            output_tokens=2 * tokens,
            cost=None if cost is None else Decimal(cost) / 10**12,
        )
    )
    return execution, make_graph([make_node("a", usage=usage), make_node("b", usage=usage), make_node("c")])


cycles = st.builds(
    cycle,
    finished=st.floats(0, 4 * 3600).map(lambda at: START + at)
    | st.integers(0, 240).map(lambda m: START + m * 60.0),
    seconds=st.floats(0, 100),
    status=st.sampled_from([status for status in ExecutionStatus if status is not ExecutionStatus.RUNNING]),
    summary=st.none()
    | st.builds(
        GraphSummary,
        agents_run=st.integers(0, 9),
        agents_failed=st.integers(0, 9),
        agents_waiting=st.integers(0, 9),
        waves=st.integers(0, 9),
        max_parallel=st.integers(0, 9),
        agent_seconds=st.floats(0, 100),
    ),
    decision=st.none() | st.sampled_from(DecisionKind),
    tokens=st.none() | st.integers(0, 10**12 // 2),
    model=st.none() | st.sampled_from(["openai:gpt-5-mini", "local:a.gguf"]),
    # Millionths of a millionth of a dollar.
    cost=st.none() | st.integers(0, 10**18),
)
moments = st.floats(-5000, 5 * 3600).map(lambda at: START + at) | st.integers(-90, 300).map(
    lambda minute: START + minute * 60.0
)


def count(store: Store, found: list[Cycle]) -> None:
    commit = Commit()
    for execution, graph in found:
        count_execution(commit, execution, graph)
    store.write(commit)


def changed(store: Store, change: Callable[[Commit], None]) -> None:
    commit = Commit()
    change(commit)
    store.write(commit)


def put(store: Store, table: str, key: str, value: bytes) -> None:
    changed(store, lambda commit: commit.put(table, key.encode(), value))


def total(store: Store, since: float, until: float, stack_id: str = STACK) -> Rollup:
    with store.read() as reader:
        return sum_rollups(reader, stack_id, since, until)


def brute_force(found: list[Cycle], since: float, until: float) -> dict[str, Any]:
    """The figures, cycle by cycle, of those that ended from the minute of `since` to that of `until`."""
    inside = [(e, g) for e, g in found if since // 60 <= (e.finished_at or 0) // 60 <= until // 60]
    summaries = [execution.summary or GraphSummary() for execution, _ in inside]
    nodes = [node for _, graph in inside if graph for node in graph.nodes]
    usages = [node.usage for node in nodes if node.usage]
    durations = [execution.duration or 0.0 for execution, _ in inside]
    return {
        "cycles": len(inside),
        **{
            status.value: sum(execution.status is status for execution, _ in inside)
            for status in (
                ExecutionStatus.COMPLETED,
                ExecutionStatus.FAILED,
                ExecutionStatus.WAITING,
                ExecutionStatus.CANCELLED,
            )
        },
        "seconds": pytest.approx(sum(durations)),
        "longest": pytest.approx(max(durations, default=0.0)),
        "agents_run": sum(summary.agents_run for summary in summaries),
        "agents_failed": sum(summary.agents_failed for summary in summaries),
        "agents_waiting": sum(summary.agents_waiting for summary in summaries),
        "agent_seconds": pytest.approx(sum(summary.agent_seconds for summary in summaries)),
        "waves": sum(summary.waves for summary in summaries),
        "parallel": sum(summary.max_parallel for summary in summaries),
        "max_parallel": max((summary.max_parallel for summary in summaries), default=0),
        "decisions": dict(Counter(e.decision.kind.value for e, _ in inside if e.decision)),
        **used(usages, "input_tokens", "output_tokens", "cost", "unpriced_tokens"),
        "models": {
            model: used([usage for usage in usages if (usage.model or "unknown") == model])
            for model in {usage.model or "unknown" for usage in usages}
        },
        "roles": {
            role: used([n.usage for n in nodes if n.role == role and n.usage])
            for role in {node.role for node in nodes if node.usage}
        },
    }


def used(usages: list[Usage], *fields: str) -> dict[str, Any]:
    whole = {
        "runs": len(usages),
        "input_tokens": sum(usage.input_tokens for usage in usages),
        "output_tokens": sum(usage.output_tokens for usage in usages),
        "cost": sum((usage.cost for usage in usages if usage.cost is not None), Decimal(0)),
        "unpriced_tokens": sum(u.input_tokens + u.output_tokens for u in usages if u.cost is None),
    }
    return {field: whole[field] for field in fields or whole}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(cycles, max_size=15), spans=st.lists(st.tuples(moments, moments), min_size=1, max_size=6)
)
def test_sums_are_those_of_the_cycles(
    database: Store, found: list[Cycle], spans: list[tuple[float, float]]
) -> None:
    changed(database, lambda commit: delete_rollups(commit, STACK))
    count(database, found)
    for one, other in spans:
        since, until = min(one, other), max(one, other)
        assert total(database, since, until).model_dump() == brute_force(found, since, until)


@pytest.mark.parametrize(
    ("since", "until", "cycles"),
    [
        (0, 59.9, 1),
        (59.9, 60, 2),
        (60, 60, 1),
        (61, 119, 1),
        (120, 3599, 0),
        (3600, 3600, 1),
        (0, 3600, 3),
        (0, 7200, 3),
        (-1e9, 1e9, 3),
        (60, 0, 0),
    ],
)
def test_the_minutes_of_both_ends_count_whole(
    database: Store, since: float, until: float, cycles: int
) -> None:
    count(database, [cycle(START + at) for at in (30, 90, 3600)])
    assert total(database, START + since, START + until).cycles == cycles


def test_stacks_are_apart(database: Store) -> None:
    count(database, [cycle(START), cycle(START, stack_id=OTHER), cycle(START, stack_id="5eed")])
    assert total(database, 0, 4e9).cycles == 1
    changed(database, lambda commit: delete_rollups(commit, "5eed"))
    assert total(database, 0, 4e9).cycles == total(database, 0, 4e9, OTHER).cycles == 1
    assert total(database, 0, 4e9, "5eed").cycles == 0


def test_what_is_forgotten_is_what_ended_before(database: Store) -> None:
    count(database, [cycle(START + hour * 3600 + 1800) for hour in range(4)])
    commit = Commit()
    with database.read() as reader:
        delete_rollups_before(commit, reader, STACK, START + 2 * 3600)
    database.write(commit)
    assert total(database, 0, 4e9).cycles == 2
    assert total(database, START, START + 2 * 3600 - 60).cycles == 0


def test_a_year_of_hours_is_read_from_few_sums(database: Store) -> None:
    count(database, [cycle(START + minute * 60) for minute in range(0, 600, 7)])
    with database.read() as reader:
        minutes, hours = (
            sum(key.startswith(STACK.encode()) for key, _ in reader.scan(table)) for table in (MINUTES, HOURS)
        )
    assert (minutes, hours) == (86, 10)
    assert total(database, START - 1e7, START + 3e7).cycles == 86


class TestAllStacks:
    def test_are_summed_up_together_and_keep_what_deleted_ones_did(self, database: Store) -> None:
        ran = GraphSummary(agents_run=3, agents_failed=1, max_parallel=2)
        count(database, [cycle(START, 2.0, summary=ran, tokens=5), cycle(START + 90, stack_id=OTHER)])
        both = total(database, START, START + 90, ALL_STACKS)
        assert (both.cycles, both.longest, both.agents_run, both.agents_failed) == (2, 2.0, 3, 1)
        changed(database, lambda commit: delete_rollups(commit, STACK))
        assert total(database, START, START + 90, ALL_STACKS) == both
        assert total(database, START, START + 59, ALL_STACKS).cycles == 1
        with database.read() as reader:
            assert lifetime_rollup(reader) == both

    def test_are_forgotten_by_an_age_of_their_own_and_never_what_they_did_in_all(
        self, database: Store
    ) -> None:
        count(database, [cycle(START), cycle(START + 5 * 3600)])
        now = START + ALL_STACKS_DAYS * 86_400 + 3600
        commit = Commit()
        with database.read() as reader:
            delete_old_totals(commit, reader, now)
        database.write(commit)
        assert total(database, 0, now, ALL_STACKS).cycles == 1
        assert total(database, 0, now).cycles == 2
        with database.read() as reader:
            assert lifetime_rollup(reader).cycles == 2

    def test_nothing_is_the_sum_of_nothing(self, database: Store) -> None:
        with database.read() as reader:
            assert lifetime_rollup(reader) == Rollup()

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(found=st.lists(st.tuples(cycles, st.booleans()), max_size=10))
    def test_sums_made_anew_are_those_that_were_counted(
        self, database: Store, found: list[tuple[Cycle, bool]]
    ) -> None:
        tables = (MINUTES, HOURS, LIFETIME)
        everything = Commit()
        for table in tables:
            everything.delete_range(table, b"", None)
        database.write(everything)
        count(database, [(e.but(stack_id=OTHER if other else STACK), g) for (e, g), other in found])

        def sums() -> list[dict[str, Any]]:
            with database.read() as reader:
                hours = [
                    figures for _, figures in rollup_series(reader, ALL_STACKS, START, START + 5 * 3600, 3600)
                ]
                everything = [
                    *hours,
                    sum_rollups(reader, ALL_STACKS, START, START + 5000),
                    lifetime_rollup(reader),
                ]
            return [figures.model_dump(exclude={"decisions", "models", "roles"}) for figures in everything]

        def ever() -> Rollup:
            with database.read() as reader:
                return lifetime_rollup(reader)

        counted, used = sums(), ever()
        for _ in range(2):
            sum_up_again(database)
            assert sums() == [pytest.approx(figures) for figures in counted]
            assert (ever().models, ever().roles) == (used.models, used.roles)

    def test_sums_made_anew_leave_out_what_cannot_be_read(
        self, database: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        count(database, [cycle(START), cycle(START, stack_id=OTHER)])
        key = f"{OTHER}/{int(START // 60):012d}"
        put(database, MINUTES, key, b"\xc1")
        sum_up_again(database)
        assert total(database, START, START, ALL_STACKS).cycles == 1
        assert key in caplog.text


def sum_up_again(store: Store) -> None:
    with store.read() as reader:
        commit = sum_up_all_stacks(reader)
    store.write(commit)


class TestSeries:
    def test_has_every_span_in_order_also_those_in_which_nothing_ended(self, database: Store) -> None:
        count(
            database, [cycle(START + 30), cycle(START + 59), cycle(START + 200), cycle(START, stack_id=OTHER)]
        )
        with database.read() as reader:
            series = list(rollup_series(reader, STACK, START + 10, START + 240, 60))
        assert [(begin - START, figures.cycles) for begin, figures in series] == [
            (0, 2),
            (60, 0),
            (120, 0),
            (180, 1),
            (240, 0),
        ]

    @pytest.mark.parametrize("seconds", [60, 300, 3600, 7200])
    def test_adds_up_to_the_sum_of_the_whole(self, database: Store, seconds: int) -> None:
        count(database, [cycle(START + minute * 60, tokens=1) for minute in range(0, 400, 7)])
        with database.read() as reader:
            series = list(rollup_series(reader, STACK, START, START + 86_399, seconds))
        assert [begin for begin, _ in series] == list(
            range(int(START // seconds) * seconds, 1_700_085_600, seconds)
        )
        assert sum(figures.cycles for _, figures in series) == 58
        assert sum(figures.input_tokens for _, figures in series) == 2 * 58


class TestDamage:
    @pytest.mark.parametrize(
        "value",
        [b"", b"\xc1", b"\x01", b"\xa1x", b"\x91\xa1x", b"\x80", b"\xdc\x00\x20" + b"\x01" * 32, b"\xc0"],
    )
    def test_is_named_to_who_reads_and_stops_nobody_who_counts(
        self, database: Store, value: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        count(database, [cycle(START)])
        key = f"{STACK}/{int(START // 60):012d}"
        put(database, MINUTES, key, value)
        with pytest.raises(CorruptRecordError, match=f"^{MINUTES} {key}: is not a readable rollup"):
            total(database, START, START)
        count(database, [cycle(START + 1)])
        assert key in caplog.text
        assert total(database, START, START).cycles == 1
        assert total(database, START, START + 3599).cycles == 2

    def test_sums_of_an_older_recursor_lack_what_it_did_not_count(self, database: Store) -> None:
        put(database, MINUTES, f"{STACK}/{int(START // 60):012d}", b"\x93\x05\x04\x01")
        found = total(database, START, START)
        assert (found.cycles, found.completed, found.failed, found.output_tokens) == (5, 4, 1, 0)
        count(database, [cycle(START, tokens=1)])
        assert total(database, START, START).cycles == 6


def test_however_much_agents_use_it_can_be_counted(database: Store) -> None:
    count(database, [cycle(NOW, tokens=10**12 // 2) for _ in range(100)])
    assert total(database, NOW, NOW).output_tokens == 100 * 2 * 10**12


class TestUse:
    def test_a_rollup_of_an_older_recursor_has_cost_nothing_yet(self, database: Store) -> None:
        count(database, [cycle(START, tokens=5, model="m", cost=10**12)])
        key = f"{STACK}/{int(START // 60):012d}"
        with database.read() as reader:
            figures = unpack(reader.get(MINUTES, key.encode()) or b"")
        put(database, MINUTES, key, pack(figures[:15]))
        found = total(database, START, START)
        assert (found.output_tokens, found.cost, found.models) == (20, 0, {})
        count(database, [cycle(START, tokens=5, model="m", cost=10**12)])
        found = total(database, START, START)
        assert (found.output_tokens, found.cost, found.models["m"].output_tokens) == (40, 2, 20)

    def test_many_a_small_cost_is_summed_exactly(self, database: Store) -> None:
        count(database, [cycle(START, tokens=1, model="m", cost=100_000) for _ in range(30)])
        assert total(database, START, START).cost == Decimal("0.000006")

    def test_names_that_are_made_up_without_end_do_not_make_the_sums_endless(self, database: Store) -> None:
        count(database, [cycle(START, tokens=1, model=f"m{number}" * 300) for number in range(130)])
        found = total(database, START, START)
        assert len(found.models) == MAX_NAMES + 1
        assert found.models[OTHERS].runs == 2 * 30
        assert max(map(len, found.models)) <= MAX_NAME
        assert sum(use.input_tokens for use in found.models.values()) == found.input_tokens
