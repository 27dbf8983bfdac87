"""The transactions of a cycle: whole or not at all, once, and none for a stack that was stopped meanwhile."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.agent_state import AgentExecutionState, Wait
from recursor.domain.commands import Command
from recursor.domain.effect import (
    CreateTodo,
    Outcome,
    PublishArtifact,
    Remember,
    SendMessage,
    SetPhase,
    UpdateTodo,
)
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, NodeStatus, Usage
from recursor.domain.settings import PauseSettings
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.decision import decide
from recursor.orchestration.graph import next_wave
from recursor.storage.conversations import add_user_message, new_user_message
from recursor.storage.cycle_steps import CycleEnd, NodeResult, WaveCommitted
from recursor.storage.cycles import (
    begin_cycle,
    commit_wave,
    end_cycle,
    mark_running,
    record_look,
    save_graph,
    suspend_stack,
)
from recursor.storage.queries import orchestration_stats
from recursor.storage.revisions import bump_revision, read_revision
from recursor.storage.stacks import control_stack, create_stack, delete_stack
from recursor.storage.store import Store
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS, STATES, TABLES, TODOS, TRACES, WORK
from recursor.storage.waking import stacks_to_wake
from tests.making import (
    NOW,
    STACK,
    make_graph,
    make_node,
    make_report,
    make_snapshot,
    make_stack,
    make_status,
)

OTHER = "5eed000000000002"
CYCLE = f"{1:032}"
PAUSE = Decision(kind=DecisionKind.PAUSE, pause=7, reason="nobody has work")


@pytest.fixture
def stack(database: Store) -> Store:
    database.write(lambda writer: create_stack(writer, make_stack(total_cycles=4, failures_in_a_row=2)))
    database.write(lambda writer: create_stack(writer, make_stack(id=OTHER, name="orchard")))
    return database


def everything(store: Store) -> dict[str, dict[bytes, bytes]]:
    with store.read() as reader:
        return {table: dict(reader.scan(table)) for table in TABLES}


def read(store: Store) -> Stack:
    with store.read() as reader:
        found = STACKS.get(reader, STACK)
    assert found is not None
    return found


def revision(store: Store) -> tuple[int, int, int]:
    with store.read() as reader:
        return read_revision(reader, STACK)


def execution(number: int = 1, **fields: Any) -> OrchestratorExecution:
    return OrchestratorExecution(
        **{
            "id": f"{number:032}",
            "stack_id": STACK,
            "number": number,
            "epoch": 0,
            "started_at": NOW,
            **fields,
        }
    )


def two_waves(**fields: Any) -> ExecutionGraph:
    nodes = [make_node("planner"), make_node("communicator"), make_node("builder", wave=1)]
    return mark_running(make_graph(nodes, **fields), NOW)


def begin(store: Store, number: int = 1, before: CycleEnd | None = None) -> Any:
    graph = two_waves(id=f"{number:032}")
    return store.write(
        lambda writer: begin_cycle(writer, execution(number), graph, make_report(revision=(1, 0, 0)), before)
    )


def result(role: str, outcome: Outcome | None = None, error: str | None = None, **fields: Any) -> NodeResult:
    return NodeResult(
        role=role,
        attempt=1,
        saw=make_snapshot(),
        started_at=NOW + 1,
        finished_at=NOW + 3,
        outcome=outcome if outcome is not None or error is not None else Outcome(),
        error=error,
        **fields,
    )


def commit(
    store: Store, *results: NodeResult, epoch: int = 0, graph: ExecutionGraph | None = None
) -> WaveCommitted | None:
    def work(writer: Any) -> WaveCommitted | None:
        return commit_wave(writer, epoch, graph or two_waves(), results, NOW + 4)

    return store.write(work)


def ended(
    graph: ExecutionGraph | None = None, decision: Decision = PAUSE, *, number: int = 1, **fields: Any
) -> CycleEnd:
    done = make_graph(
        [make_node("planner", status=NodeStatus.COMPLETED, attempts=1, started_at=NOW, finished_at=NOW)]
    )
    values: dict[str, Any] = {
        "execution": execution(number),
        "graph": graph or done.but(id=f"{number:032}"),
        "report": make_report(revision=(1, 0, 0)),
        "decision": decision,
        "progress": True,
        "now": NOW + 5,
    }
    return CycleEnd(**{**values, **fields})


def end(store: Store, which: CycleEnd) -> Stack | None:
    return store.write(lambda writer: end_cycle(writer, which))


def stop(store: Store) -> Stack:
    return store.write(lambda writer: control_stack(writer, STACK, Command.STOP, NOW + 2))


def stopped_and_started(store: Store) -> None:
    stop(store)
    store.write(lambda writer: control_stack(writer, STACK, Command.START, NOW + 3))


def deleted(store: Store) -> None:
    store.write(lambda writer: delete_stack(writer, STACK))


@pytest.mark.parametrize("meanwhile", [stop, stopped_and_started, deleted])
class TestWhatComesLate:
    """After a stop, even if the stack was started again, and after a deletion."""

    @pytest.mark.parametrize(
        "late",
        [
            lambda writer: begin_cycle(writer, execution(2), two_waves(), make_report()).stack,
            lambda writer: begin_cycle(writer, execution(2), two_waves(), make_report(), ended()).stack,
            lambda writer: commit_wave(
                writer,
                0,
                two_waves(),
                [result("planner", Outcome(effects=(CreateTodo(content="late"),)))],
                NOW,
            ),
            lambda writer: save_graph(writer, 0, two_waves()) or None,
            lambda writer: end_cycle(writer, ended()),
            lambda writer: record_look(writer, STACK, 0, make_report(), PAUSE, NOW),
            lambda writer: suspend_stack(writer, STACK, 0, "trouble", NOW),
        ],
        ids=["begin", "begin after", "wave", "graph", "end", "look", "suspension"],
    )
    def test_is_discarded_whole(self, stack: Store, meanwhile: Any, late: Any) -> None:
        begin(stack)
        meanwhile(stack)
        before = everything(stack)
        assert stack.write(late) is None
        assert everything(stack) == before


class TestBeginning:
    def test_is_recorded_with_its_graph_and_work(self, stack: Store) -> None:
        begun = begin(stack)
        assert begun.begun
        assert begun.stack == read(stack)
        assert begun.stack.current_execution_id == CYCLE
        with stack.read() as reader:
            assert EXECUTIONS.get(reader, STACK, CYCLE) == execution()
            assert GRAPHS.get(reader, STACK, CYCLE) == two_waves()
            assert WORK.get(reader, STACK) == make_report(revision=(1, 0, 0))
            assert dict(stacks_to_wake(reader))[STACK] == 0.0

    @pytest.mark.parametrize("state", [ExecutionState.PAUSED, ExecutionState.IDLE])
    def test_of_a_stack_that_may_not_run_writes_nothing(self, stack: Store, state: ExecutionState) -> None:
        stack.write(lambda writer: STACKS.put(writer, make_stack(state=state)))
        before = everything(stack)
        begun = begin(stack)
        assert (begun.begun, begun.stack) == (False, make_stack(state=state))
        assert everything(stack) == before

    def test_shares_a_commit_with_the_end_before(self, stack: Store) -> None:
        begin(stack)
        proceed = Decision(kind=DecisionKind.CONTINUE, reason="more to do")
        begun = begin(stack, 2, before=ended(decision=proceed))
        assert begun.begun
        assert (begun.stack.total_cycles, begun.stack.last_cycle) == (5, 2)
        assert begun.stack.current_execution_id == f"{2:032}"
        with stack.read() as reader:
            first, second = EXECUTIONS.oldest(reader, STACK, 9)
        assert (first.status, first.decision) == (ExecutionStatus.COMPLETED, proceed)
        assert second.status is ExecutionStatus.RUNNING

    def test_after_an_end_in_a_stack_that_was_paused_records_the_end_alone(self, stack: Store) -> None:
        begin(stack)
        stack.write(lambda writer: control_stack(writer, STACK, Command.PAUSE, NOW))
        last = make_report({"planner": make_status(3)}, revision=(1, 0, 0))
        begun = begin(stack, 2, before=ended(report=last))
        assert (begun.begun, begun.stack) == (False, read(stack))
        # What has not begun has had no number.
        assert (begun.stack.total_cycles, begun.stack.last_cycle) == (5, 1)
        assert begun.stack.current_execution_id is None
        with stack.read() as reader:
            assert [each.status for each in EXECUTIONS.scan(reader, STACK)] == [ExecutionStatus.COMPLETED]
            assert WORK.get(reader, STACK) == last

    def test_writes_nothing_while_another_cycle_is_running(self, stack: Store) -> None:
        begin(stack)
        before = everything(stack)
        begun = begin(stack, 2)
        assert (begun.stack, begun.begun) == (None, False)
        assert everything(stack) == before

    def test_marks_the_first_wave_as_running(self) -> None:
        graph = make_graph([make_node("a"), make_node("b", attempts=2), make_node("c", wave=1)])
        marked = mark_running(graph, NOW)
        assert [(node.status, node.attempts, node.started_at) for node in marked.nodes] == [
            (NodeStatus.RUNNING, 1, NOW),
            (NodeStatus.RUNNING, 3, NOW),
            (NodeStatus.PENDING, 0, None),
        ]
        assert mark_running(marked, NOW + 9) == marked


class TestWave:
    def test_is_applied_with_its_nodes_and_the_next_is_marked(self, stack: Store) -> None:
        begin(stack)
        usage = Usage(input_tokens=5)
        planned = Outcome(effects=(CreateTodo(content="dig"), SetPhase(phase=Phase.BUILDING)), usage=usage)
        committed = commit(stack, result("planner", planned), result("communicator"))
        assert committed is not None
        assert committed.stack == read(stack)
        assert committed.stack.phase is Phase.BUILDING
        assert [(node.role, node.status) for node in committed.graph.nodes] == [
            ("planner", NodeStatus.COMPLETED),
            ("communicator", NodeStatus.COMPLETED),
            ("builder", NodeStatus.RUNNING),
        ]
        planner = committed.graph.nodes[0]
        assert (planner.started_at, planner.finished_at, planner.usage) == (NOW + 1, NOW + 3, usage)
        assert (planner.attempts, planner.note) == (1, None)
        with stack.read() as reader:
            assert GRAPHS.get(reader, STACK, CYCLE) == committed.graph
            assert [todo.content for todo in TODOS.scan(reader, STACK)] == ["dig"]
            assert {state.role for state in STATES.scan(reader, STACK)} == {"planner", "communicator"}

    def test_one_that_is_refused_fails_alone(self, stack: Store) -> None:
        begin(stack)
        refused = Outcome(
            effects=(CreateTodo(content="never"), UpdateTodo(todo_id="lost", priority=1)), summary="never"
        )
        good = Outcome(effects=(CreateTodo(content="good"), SendMessage(content="to all")), summary="good")
        committed = commit(stack, result("planner", refused), result("communicator", good))
        assert committed is not None
        planner, communicator, _ = committed.graph.nodes
        why = "planner proposed update_todo: there is no todo lost; nothing of its outcome was applied"
        assert (planner.status, planner.note) == (NodeStatus.FAILED, why)
        assert (communicator.status, communicator.note) == (NodeStatus.COMPLETED, None)
        assert committed.written_to == {"all"}
        with stack.read() as reader:
            assert [todo.content for todo in TODOS.scan(reader, STACK)] == ["good"]
            assert [trace.summary for trace in TRACES.scan(reader, STACK)] == ["good"]
            state = STATES.get(reader, STACK, "planner")
        assert state is not None
        assert (state.execution_state, state.last_error) == (AgentExecutionState.FAILED, why)
        assert state.last_run_at is None

    @pytest.mark.parametrize("error", ["ValueError: no", "half \udcff of a character", "x" * 500])
    def test_a_failure_is_noted_whatever_its_text(self, stack: Store, error: str) -> None:
        begin(stack)
        committed = commit(stack, result("planner", error=error), result("communicator"))
        assert committed is not None
        assert committed.graph.nodes[0].status is NodeStatus.FAILED
        assert committed.graph.nodes[0].note == error.replace("\udcff", "\\udcff")
        assert committed.graph.nodes[1].status is NodeStatus.COMPLETED

    @pytest.mark.parametrize("why", ["the model is away", "half \udcff of a character"])
    def test_a_wait_is_noted_whatever_its_text(self, stack: Store, why: str) -> None:
        begin(stack)
        wait = Wait(since=NOW, until=NOW + 5, why=why)
        committed = commit(stack, result("planner", error=why, wait=wait), result("communicator"))
        assert committed is not None
        assert committed.graph.nodes[0].waits_until == NOW + 5
        with stack.read() as reader:
            state = STATES.get(reader, STACK, "planner")
        assert state is not None
        assert state.wait == wait.but(why=why.replace("\udcff", "\\udcff"))

    def test_what_cannot_be_stored_fails_its_node(self, stack: Store) -> None:
        begin(stack)
        poison = Outcome(effects=(CreateTodo(content="x", metadata={"n": 2**80}),))
        committed = commit(stack, result("planner", poison), result("communicator"))
        assert committed is not None
        assert "cannot be stored" in (committed.graph.nodes[0].note or "")
        with stack.read() as reader:
            assert list(TODOS.scan(reader, STACK)) == []

    def test_later_outcomes_see_what_earlier_ones_of_the_wave_did(self, stack: Store) -> None:
        begin(stack)
        first = Outcome(effects=(PublishArtifact(content="1"), SetPhase(phase=Phase.BUILDING)))
        second = Outcome(effects=(PublishArtifact(content="2"),))
        committed = commit(stack, result("planner", first), result("communicator", second))
        assert committed is not None
        assert [node.status for node in committed.graph.nodes[:2]] == [NodeStatus.COMPLETED] * 2
        assert read(stack).phase is Phase.BUILDING

    def test_of_a_paused_stack_is_committed_and_nothing_more_is_started(self, stack: Store) -> None:
        begin(stack)
        stack.write(lambda writer: control_stack(writer, STACK, Command.PAUSE, NOW))
        done = Outcome(effects=(CreateTodo(content="dig"),))
        committed = commit(stack, result("planner", done), result("communicator"))
        assert committed is not None
        assert [node.status for node in committed.graph.nodes] == [
            NodeStatus.COMPLETED,
            NodeStatus.COMPLETED,
            NodeStatus.PENDING,
        ]
        assert read(stack).state is ExecutionState.PAUSED
        with stack.read() as reader:
            assert len(list(TODOS.scan(reader, STACK))) == 1

    @pytest.mark.parametrize(
        ("results", "contents", "runs"),
        [
            (
                [result("planner", Outcome(effects=(CreateTodo(content="dig"),))), result("communicator")],
                1,
                0,
            ),
            ([result("planner", Outcome(effects=(Remember(facts=("a",)),))), result("communicator")], 0, 1),
            ([result("planner", error="no"), result("communicator")], 0, 1),
        ],
    )
    def test_tells_the_revision_what_has_changed(
        self, stack: Store, results: list[NodeResult], contents: int, runs: int
    ) -> None:
        begin(stack)
        before = revision(stack)
        commit(stack, *results)
        assert revision(stack) == (before[0] + contents, before[1] + runs, before[2])


class TestSavingTheGraph:
    def test_is_for_the_cycle_that_runs(self, stack: Store) -> None:
        begin(stack)
        graph = two_waves().but(created_at=NOW + 1)
        assert stack.write(lambda writer: save_graph(writer, 0, graph))
        with stack.read() as reader:
            assert GRAPHS.get(reader, STACK, CYCLE) == graph

    def test_of_a_cycle_that_has_ended_writes_nothing(self, stack: Store) -> None:
        begin(stack)
        end(stack, ended())
        before = everything(stack)
        assert not stack.write(lambda writer: save_graph(writer, 0, two_waves()))
        assert everything(stack) == before


FAILED = make_graph([make_node("planner", status=NodeStatus.FAILED, attempts=1, note="no model")])


class TestEnd:
    def test_is_recorded_and_counted(self, stack: Store) -> None:
        begin(stack)
        after = end(stack, ended())
        assert after == read(stack)
        assert after is not None
        assert (after.total_cycles, after.current_execution_id, after.last_activity_at) == (5, None, NOW + 5)
        assert (after.failures_in_a_row, after.fruitless_in_a_row) == (0, 0)
        assert after.next_look_at == NOW + 5 + 7
        with stack.read() as reader:
            (recorded,) = EXECUTIONS.scan(reader, STACK)
            stats = orchestration_stats(reader, STACK, NOW, NOW + 60)
        assert (recorded.status, recorded.decision, recorded.error) == (
            ExecutionStatus.COMPLETED,
            PAUSE,
            None,
        )
        assert recorded.finished_at == NOW + 5
        assert recorded.summary is not None
        assert recorded.summary.agents_run == 1
        assert (stats.cycles, stats.completed, stats.decisions) == (1, 1, {"pause": 1})

    def test_of_a_failed_cycle_counts_the_failure(self, stack: Store) -> None:
        begin(stack)
        after = end(stack, ended(FAILED, progress=False))
        assert after is not None
        assert (after.failures_in_a_row, after.fruitless_in_a_row) == (3, 1)
        assert (after.last_failure_at, after.last_activity_at) == (NOW + 5, NOW + 5)
        with stack.read() as reader:
            (recorded,) = EXECUTIONS.scan(reader, STACK)
        assert (recorded.status, recorded.error) == (ExecutionStatus.FAILED, "planner: no model")

    def test_of_a_cycle_that_only_waits_counts_none_and_forgets_none(self, stack: Store) -> None:
        stack.write(lambda writer: STACKS.put(writer, read(stack).but(last_failure_at=NOW - 50)))
        begin(stack)
        waits = FAILED.but(nodes=tuple([node.but(waits_until=NOW + 60) for node in FAILED.nodes]))
        after = end(stack, ended(waits, progress=False))
        assert after is not None
        assert (after.failures_in_a_row, after.last_failure_at) == (2, NOW - 50)
        assert after.last_activity_at == NOW + 5

    def test_keeps_the_skipped_nodes_of_its_graph(self, stack: Store) -> None:
        begin(stack)
        gone = make_report({"builder": make_status(reason="no todos"), "planner": make_status(5)})
        done = two_waves().replacing(
            {
                role: make_node(role, status=NodeStatus.COMPLETED, attempts=1)
                for role in ("planner", "communicator")
            }
        )
        graph, ready = next_wave(done, gone, NOW + 4)
        assert ready == ()
        end(stack, ended(graph))
        with stack.read() as reader:
            stored = GRAPHS.get(reader, STACK, CYCLE)
        assert stored == graph
        assert stored is not None
        assert stored.nodes[2].note == "its work is gone: no todos"

    @pytest.mark.parametrize(
        ("decision", "due"),
        [
            (Decision(kind=DecisionKind.CONTINUE, reason="more"), NOW + 5),
            (Decision(kind=DecisionKind.PAUSE, pause=7, reason="later"), NOW + 12),
            (Decision(kind=DecisionKind.PAUSE, pause=0, reason="at once"), NOW + 5),
            (Decision(kind=DecisionKind.PAUSE, reason="rest"), None),
            (Decision(kind=DecisionKind.STOP, reason="paused"), None),
        ],
    )
    def test_says_when_the_next_look_is_due(
        self, stack: Store, decision: Decision, due: float | None
    ) -> None:
        begin(stack)
        after = end(stack, ended(decision=decision))
        assert after is not None
        assert after.next_look_at == due

    @pytest.mark.parametrize("pause", [None, 300.0])
    def test_what_came_after_the_decision_makes_a_look_due_at_once(
        self, stack: Store, pause: float | None
    ) -> None:
        begin(stack)
        message = new_user_message(STACK, "Ada", "hello", NOW + 4)
        stack.write(lambda writer: add_user_message(writer, message))
        after = end(stack, ended(decision=Decision(kind=DecisionKind.PAUSE, pause=pause, reason="later")))
        assert after is not None
        assert after.next_look_at == NOW + 5
        with stack.read() as reader:
            assert dict(stacks_to_wake(reader))[STACK] == NOW + 5

    def test_may_suspend_the_stack(self, stack: Store) -> None:
        begin(stack)
        suspend = Decision(kind=DecisionKind.PAUSE, reason="5 failed cycles in a row", suspend=True)
        stack.write(lambda writer: bump_revision(writer, STACK))
        after = end(stack, ended(FAILED, suspend))
        assert after is not None
        assert (after.state, after.state_reason) == (ExecutionState.PAUSED, "5 failed cycles in a row")
        assert (after.paused_at, after.next_look_at) == (NOW + 5, None)

    def test_does_not_suspend_what_a_person_has_paused(self, stack: Store) -> None:
        begin(stack)
        stack.write(lambda writer: control_stack(writer, STACK, Command.PAUSE, NOW + 1, "maintenance"))
        suspend = Decision(kind=DecisionKind.PAUSE, reason="failures", suspend=True)
        after = end(stack, ended(FAILED, suspend))
        assert after is not None
        assert (after.state_reason, after.paused_at) == ("maintenance", NOW + 1)

    def test_is_recorded_once(self, stack: Store) -> None:
        begin(stack)
        end(stack, ended())
        before = everything(stack)
        assert end(stack, ended()) is None
        assert everything(stack) == before

    def test_again_does_not_forget_the_cycle_that_began_with_it(self, stack: Store) -> None:
        """A stop that comes while an end and the next beginning share a commit records the end once more."""
        begin(stack)
        begin(stack, 2, before=ended())

        def end_and_stop(writer: Any) -> Stack:
            end_cycle(writer, ended())
            return control_stack(writer, STACK, Command.STOP, NOW + 9)

        stack.write(end_and_stop)
        with stack.read() as reader:
            first, second = EXECUTIONS.oldest(reader, STACK, 9)
            stats = orchestration_stats(reader, STACK, NOW, NOW + 60)
        assert (first.status, second.status) == (ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED)
        assert (stats.cycles, stats.completed, stats.cancelled) == (2, 1, 1)


class TestLook:
    def test_is_recorded_with_its_work_and_when_the_next_is_due(self, stack: Store) -> None:
        report = make_report({"planner": make_status()}, revision=(1, 0, 0))
        after = stack.write(lambda writer: record_look(writer, STACK, 0, report, PAUSE, NOW))
        assert after == read(stack)
        assert after is not None
        assert after.next_look_at == NOW + 7
        assert after.total_cycles == 4
        with stack.read() as reader:
            assert WORK.get(reader, STACK) == report
            assert list(EXECUTIONS.scan(reader, STACK)) == []

    def test_is_due_again_at_once_when_something_came_in_between(self, stack: Store) -> None:
        rest = Decision(kind=DecisionKind.PAUSE, reason="rests until an event")
        report = make_report({"planner": make_status()}, revision=(1, 0, 0))
        stack.write(lambda writer: bump_revision(writer, STACK))
        after = stack.write(lambda writer: record_look(writer, STACK, 0, report, rest, NOW))
        assert after is not None
        assert after.next_look_at == NOW


class TestSuspension:
    def test_pauses_a_running_stack_with_the_reason(self, stack: Store) -> None:
        before = revision(stack)
        after = stack.write(lambda writer: suspend_stack(writer, STACK, 0, "its actors keep dying", NOW))
        assert after == read(stack)
        assert after is not None
        assert (after.state, after.state_reason, after.paused_at) == (
            ExecutionState.PAUSED,
            "its actors keep dying",
            NOW,
        )
        assert after.next_look_at is None
        assert revision(stack)[0] == before[0] + 1

    @pytest.mark.parametrize("state", [ExecutionState.IDLE, ExecutionState.PAUSED, ExecutionState.STOPPED])
    def test_leaves_any_other_as_it_is(self, stack: Store, state: ExecutionState) -> None:
        stack.write(lambda writer: STACKS.put(writer, make_stack(state=state)))
        before = everything(stack)
        assert stack.write(lambda writer: suspend_stack(writer, STACK, 0, "why", NOW)) is None
        assert everything(stack) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fates=st.lists(st.sampled_from(["done", "idle", "fails", "stop"]), min_size=1, max_size=9))
def test_whatever_becomes_of_its_cycles_a_stacks_counters_tell(database: Store, fates: list[str]) -> None:
    """Against a count kept beside: cycles, failures and fruitless ones in a row, statistics, records."""

    def clear(writer: Any) -> None:
        for table in TABLES:
            writer.delete_range(table, b"", None)
        create_stack(writer, make_stack())

    database.write(clear)
    cycles = failures = fruitless = 0
    statuses: list[ExecutionStatus] = []
    for number, fate in enumerate(fates, start=1):
        now, epoch = NOW + number, read(database).epoch
        graph = mark_running(make_graph([make_node("planner")], id=f"{number:032}"), now)
        with database.read() as reader:
            report: WorkReport = make_report(revision=read_revision(reader, STACK))
        begun = database.write(
            lambda writer, n=number, e=epoch, g=graph, r=report: begin_cycle(
                writer, execution(n, epoch=e), g, r
            )
        )
        assert begun.begun
        outcome = Outcome(effects=(CreateTodo(content="dig"),) if fate == "done" else ())
        done = result("planner", None if fate == "fails" else outcome, "no" if fate == "fails" else None)
        if fate == "stop":
            database.write(lambda writer, now=now: control_stack(writer, STACK, Command.STOP, now))
        committed = database.write(
            lambda writer, e=epoch, g=graph, d=done, now=now: commit_wave(writer, e, g, [d], now)
        )
        if fate == "stop":
            assert committed is None
            database.write(lambda writer, now=now: control_stack(writer, STACK, Command.START, now))
            cycles = failures = fruitless = 0
            statuses.append(ExecutionStatus.CANCELLED)
            continue
        assert committed is not None
        progress = fate == "done"
        decision = decide(
            committed.stack,
            committed.graph,
            report,
            progress=progress,
            settings=PauseSettings(failures_allowed=99),
            now=now,
        )
        last = CycleEnd(execution(number, epoch=epoch), committed.graph, report, decision, progress, now)
        assert end(database, last) is not None
        cycles += 1
        failures = failures + 1 if fate == "fails" else 0
        fruitless = 0 if progress else fruitless + 1
        statuses.append(ExecutionStatus.FAILED if fate == "fails" else ExecutionStatus.COMPLETED)
    stack = read(database)
    assert (stack.total_cycles, stack.failures_in_a_row, stack.fruitless_in_a_row) == (
        cycles,
        failures,
        fruitless,
    )
    assert (stack.last_cycle, stack.current_execution_id) == (len(fates), None)
    with database.read() as reader:
        assert [each.status for each in EXECUTIONS.scan(reader, STACK)] == statuses
        stats = orchestration_stats(reader, STACK, NOW, NOW + 60)
        assert len(list(TODOS.scan(reader, STACK))) == fates.count("done")
    assert (stats.cycles, stats.cancelled) == (len(fates), fates.count("stop"))
    assert (stats.failed, stats.completed) == (
        fates.count("fails"),
        fates.count("done") + fates.count("idle"),
    )
