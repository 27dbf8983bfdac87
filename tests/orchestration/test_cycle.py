"""What a cycle does to a stack: its beginning, the results of its waves, its end and the counters."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.domain.agent_state import AgentExecutionState, AgentState
from recursor.domain.commands import Command, ControlStack
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
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import PauseSettings, Settings
from recursor.domain.spending import AgentFailedError, BudgetExceededError, BudgetName
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.domain.work import WorkReport
from recursor.orchestration.cycle import (
    begin_cycle,
    end_cycle,
    mark_running,
    next_look,
    paused,
    put_graph,
    take_results,
    unmark_running,
)
from recursor.orchestration.decision import decide
from recursor.orchestration.graph import next_wave
from recursor.orchestration.stack_commands import steer
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
from tests.orchestration.desk import Desk, make_records

CYCLE = f"{1:032}"
PAUSE = Decision(kind=DecisionKind.PAUSE, pause=7, reason="no role has work")


@pytest.fixture
def desk() -> Desk:
    """A stack before its fifth cycle."""
    return Desk(make_records(stack=make_stack(total_cycles=4, last_cycle=4, failures_in_a_row=2)))


def two_waves(**fields: Any) -> ExecutionGraph:
    return make_graph(
        [make_node("planner"), make_node("communicator"), make_node("builder", wave=1)], **fields
    )


def begin(desk: Desk, graph: ExecutionGraph | None = None, now: float = NOW) -> None:
    """Begin a cycle, with its first wave running."""
    draft = desk.draft(now)
    graph = graph or two_waves()
    begin_cycle(draft, graph, make_report())
    put_graph(draft, mark_running(graph, now)[0])
    desk.keep(draft)


def result(role: str, outcome: Outcome | None = None, error: str | None = None, **fields: Any) -> NodeResult:
    return NodeResult(
        **{
            "role": role,
            "attempt": 1,
            "saw": make_snapshot(),
            "started_at": NOW + 1,
            "finished_at": NOW + 3,
            "outcome": outcome if outcome is not None or error is not None else Outcome(),
            "error": error,
            **fields,
        }
    )


def take(desk: Desk, *results: NodeResult, now: float = NOW + 4) -> bool:
    """Apply the results of a wave. Returns whether agents see a difference."""
    draft = desk.draft(now)
    take_results(draft, results, Settings(), {})
    return desk.keep(draft)


def nodes(desk: Desk) -> dict[str, Any]:
    assert desk.records.graph is not None
    return {node.role: node for node in desk.records.graph.nodes}


def end(
    desk: Desk,
    graph: ExecutionGraph | None = None,
    decision: Decision = PAUSE,
    *,
    progress: bool = True,
    now: float = NOW + 5,
) -> Stack:
    """End the cycle, with its graph as it is or another one."""
    draft = desk.draft(now)
    if graph is not None:
        put_graph(draft, graph)
    end_cycle(draft, make_report(), decision, progress=progress)
    desk.keep(draft)
    return desk.records.stack


class TestBeginning:
    def test_is_recorded_with_its_graph_and_work(self, desk: Desk) -> None:
        draft = desk.draft()
        execution = begin_cycle(draft, two_waves(), make_report())
        desk.keep(draft)
        assert execution == OrchestratorExecution(id=CYCLE, stack_id=STACK, number=5, epoch=0, started_at=NOW)
        assert (desk.records.execution, desk.records.report) == (execution, make_report())
        assert (desk.records.stack.current_execution_id, desk.records.stack.last_cycle) == (CYCLE, 5)
        # What has not ended is not counted.
        assert desk.records.stack.total_cycles == 4
        assert desk.written(OrchestratorExecution) == [execution]
        assert desk.written(Stack) == [desk.records.stack]
        assert desk.written(WorkReport) == [make_report()]

    def test_marks_the_first_wave_as_running(self) -> None:
        graph = make_graph([make_node("a"), make_node("b", attempts=2), make_node("c", wave=1)])
        marked, running = mark_running(graph, NOW)
        assert [(node.status, node.attempts, node.started_at) for node in marked.nodes] == [
            (NodeStatus.RUNNING, 1, NOW),
            (NodeStatus.RUNNING, 3, NOW),
            (NodeStatus.PENDING, 0, None),
        ]
        assert running == marked.nodes[:2]
        assert mark_running(marked, NOW + 9) == (marked, running)

    def test_the_second_wave_is_next_when_the_first_has_ended(self) -> None:
        ended = make_node("a", status=NodeStatus.FAILED, attempts=1)
        graph = make_graph([ended, make_node("b", wave=1), make_node("c", wave=2)])
        marked, running = mark_running(graph, NOW)
        assert [node.role for node in running] == ["b"]
        assert marked.nodes[0] == ended

    def test_what_was_marked_and_comes_to_nothing_is_pending_again(self) -> None:
        marked, _ = mark_running(two_waves(), NOW)
        unmarked = unmark_running(marked)
        assert [(node.status, node.started_at) for node in unmarked.nodes] == [(NodeStatus.PENDING, None)] * 3
        # The next attempt is another one.
        assert [node.attempts for node in unmarked.nodes] == [1, 1, 0]
        assert unmark_running(unmarked) is unmarked


class TestWave:
    def test_is_applied_with_its_nodes(self, desk: Desk) -> None:
        begin(desk)
        usage = Usage(input_tokens=5)
        planned = Outcome(effects=(CreateTodo(content="dig"), SetPhase(phase=Phase.BUILDING)), usage=usage)
        assert take(desk, result("planner", planned), result("communicator"))
        assert desk.records.stack.phase is Phase.BUILDING
        assert [(node.role, node.status) for node in nodes(desk).values()] == [
            ("planner", NodeStatus.COMPLETED),
            ("communicator", NodeStatus.COMPLETED),
            ("builder", NodeStatus.PENDING),
        ]
        planner = nodes(desk)["planner"]
        assert (planner.started_at, planner.finished_at, planner.usage) == (NOW + 1, NOW + 3, usage)
        assert (planner.attempts, planner.note) == (1, None)
        assert desk.written(ExecutionGraph) == [desk.records.graph]
        assert [todo.content for todo in desk.written(Todo)] == ["dig"]
        assert {state.role for state in desk.written(AgentState)} == {"planner", "communicator"}

    def test_one_that_is_refused_fails_alone(self, desk: Desk) -> None:
        begin(desk)
        refused = Outcome(
            effects=(CreateTodo(content="never"), UpdateTodo(todo_id="lost", priority=1)), summary="never"
        )
        good = Outcome(effects=(CreateTodo(content="good"), SendMessage(content="to all")), summary="good")
        take(desk, result("planner", refused), result("communicator", good))
        planner, communicator = nodes(desk)["planner"], nodes(desk)["communicator"]
        why = "planner proposed update_todo: there is no todo lost; nothing of its outcome was applied"
        assert (planner.status, planner.note) == (NodeStatus.FAILED, why)
        assert (communicator.status, communicator.note) == (NodeStatus.COMPLETED, None)
        assert [message.content for message in desk.records.outbox] == ["to all"]
        assert [todo.content for todo in desk.records.todos] == ["good"]
        assert [trace.summary for trace in desk.written(Trace)] == ["good"]
        state = desk.records.states["planner"]
        assert (state.execution_state, state.last_error) == (AgentExecutionState.FAILED, why)
        assert state.last_run_at is None

    @pytest.mark.parametrize("error", ["ValueError: no", "half \udcff of a character", "x" * 500])
    def test_a_failure_is_noted_whatever_its_text(self, desk: Desk, error: str) -> None:
        begin(desk)
        take(desk, result("planner", error=error), result("communicator"))
        planner = nodes(desk)["planner"]
        assert (planner.status, planner.note) == (NodeStatus.FAILED, error.replace("\udcff", "\\udcff"))
        assert nodes(desk)["communicator"].status is NodeStatus.COMPLETED

    @pytest.mark.parametrize("why", ["the model is away", "half \udcff of a character"])
    def test_a_wait_is_noted_whatever_its_text(self, desk: Desk, why: str) -> None:
        begin(desk)
        away = AgentFailedError(why, Usage(input_tokens=3), passes=True)
        take(desk, result("planner", error=why, failure=away), result("communicator"))
        planner, wait = nodes(desk)["planner"], desk.records.states["planner"].wait
        assert (planner.waits_until, planner.usage) == (NOW + 4 + 5, Usage(input_tokens=3))
        assert wait is not None
        assert (wait.until, wait.why) == (NOW + 4 + 5, why.replace("\udcff", "\\udcff"))
        assert desk.records.stack.state is ExecutionState.RUNNING

    @pytest.mark.parametrize(
        ("failure", "budget"),
        [
            (AgentFailedError("no key", suspend=True), None),
            (BudgetExceededError("enough", BudgetName(kind="tokens")), BudgetName(kind="tokens")),
        ],
    )
    def test_a_failure_that_needs_a_person_pauses_the_stack_with_it(
        self, desk: Desk, failure: Any, budget: BudgetName | None
    ) -> None:
        begin(desk)
        take(desk, result("planner", error=str(failure), failure=failure), result("communicator"))
        stack = desk.records.stack
        assert (stack.state, stack.state_reason) == (ExecutionState.PAUSED, f"planner: {failure}")
        assert (stack.out_of_budget, stack.paused_at) == (budget, NOW + 4)
        assert nodes(desk)["communicator"].status is NodeStatus.COMPLETED

    def test_later_outcomes_see_what_earlier_ones_of_the_wave_did(self, desk: Desk) -> None:
        begin(desk)
        first = Outcome(effects=(PublishArtifact(content="1"), SetPhase(phase=Phase.BUILDING)))
        second = Outcome(effects=(PublishArtifact(content="2"),))
        take(desk, result("planner", first), result("communicator", second))
        assert desk.records.artifact is not None
        assert (desk.records.artifact.number, desk.records.artifact.content) == (2, "2")
        assert desk.records.stack.phase is Phase.BUILDING

    def test_of_a_paused_stack_is_applied(self, desk: Desk) -> None:
        begin(desk)
        desk.do(steer, ControlStack(STACK, Command.PAUSE))
        take(desk, result("planner", Outcome(effects=(CreateTodo(content="dig"),))), result("communicator"))
        assert [node.status.value for node in nodes(desk).values()] == ["completed", "completed", "pending"]
        assert desk.records.stack.state is ExecutionState.PAUSED
        assert len(desk.records.todos) == 1

    def test_a_run_without_a_result_is_pending_again(self, desk: Desk) -> None:
        begin(desk)
        take(desk, result("communicator"))
        planner = nodes(desk)["planner"]
        assert (planner.status, planner.attempts) == (NodeStatus.PENDING, 1)

    def test_a_result_of_another_attempt_or_of_what_has_ended_changes_nothing(self, desk: Desk) -> None:
        begin(desk)
        late = Outcome(effects=(CreateTodo(content="late"),))
        take(desk, result("planner"))
        take(desk, result("planner", late), result("communicator", late, attempt=7))
        assert not desk.records.todos
        assert nodes(desk)["planner"].status is NodeStatus.COMPLETED
        assert nodes(desk)["communicator"].status is NodeStatus.PENDING

    @pytest.mark.parametrize(
        ("results", "seen"),
        [
            ([result("planner", Outcome(effects=(CreateTodo(content="dig"),)))], True),
            ([result("planner", Outcome(effects=(Remember(facts=("a",)),)))], False),
            ([result("planner", error="no")], False),
        ],
    )
    def test_tells_what_others_see_from_what_a_role_notes_for_itself(
        self, desk: Desk, results: list[NodeResult], seen: bool
    ) -> None:
        begin(desk)
        assert take(desk, *results, result("communicator")) is seen


FAILED = make_graph([make_node("planner", status=NodeStatus.FAILED, attempts=1, note="no model")])
DONE = make_graph(
    [make_node("planner", status=NodeStatus.COMPLETED, attempts=1, started_at=NOW, finished_at=NOW)]
)


class TestEnd:
    def test_is_recorded_and_counted(self, desk: Desk) -> None:
        begin(desk)
        stack = end(desk, DONE)
        assert (stack.total_cycles, stack.current_execution_id, stack.last_activity_at) == (5, None, NOW + 5)
        assert (stack.failures_in_a_row, stack.fruitless_in_a_row) == (0, 0)
        assert stack.next_look_at == NOW + 5 + 7
        assert (desk.records.execution, desk.records.graph) == (None, None)
        ((recorded, graph),) = desk.writes.ended
        assert desk.written(OrchestratorExecution) == [recorded]
        assert (recorded.status, recorded.decision, recorded.error) == (
            ExecutionStatus.COMPLETED,
            PAUSE,
            None,
        )
        assert recorded.finished_at == NOW + 5
        assert recorded.summary is not None
        assert recorded.summary.agents_run == 1
        assert graph == DONE

    def test_of_a_failed_cycle_counts_the_failure(self, desk: Desk) -> None:
        begin(desk)
        stack = end(desk, FAILED, progress=False)
        assert (stack.failures_in_a_row, stack.fruitless_in_a_row) == (3, 1)
        assert (stack.last_failure_at, stack.last_activity_at) == (NOW + 5, NOW + 5)
        (recorded,) = desk.written(OrchestratorExecution)
        assert (recorded.status, recorded.error) == (ExecutionStatus.FAILED, "planner: no model")

    def test_of_a_cycle_that_only_waits_counts_none_and_forgets_none(self, desk: Desk) -> None:
        desk.records.stack = desk.records.stack.but(last_failure_at=NOW - 50)
        begin(desk)
        waits = FAILED.but(
            nodes=tuple([node.but(status=NodeStatus.WAITING, waits_until=NOW + 60) for node in FAILED.nodes])
        )
        stack = end(desk, waits, progress=False)
        assert (stack.failures_in_a_row, stack.last_failure_at) == (2, NOW - 50)
        assert stack.last_activity_at == NOW + 5
        (cycle,) = desk.written(OrchestratorExecution)[-1:]
        assert (cycle.status, cycle.error) == (ExecutionStatus.WAITING, None)
        assert (cycle.summary.agents_failed, cycle.summary.agents_waiting) == (0, len(FAILED.nodes))

    def test_keeps_the_skipped_nodes_of_its_graph(self, desk: Desk) -> None:
        gone = make_report({"builder": make_status(reason="no todos"), "planner": make_status(5)})
        begin(desk)
        take(desk, result("planner"), result("communicator"))
        assert desk.records.graph is not None
        graph, ready = next_wave(desk.records.graph, gone, NOW + 4)
        assert ready == ()
        end(desk, graph)
        (stored,) = desk.written(ExecutionGraph)
        assert stored == graph
        assert stored.nodes[2].note == "no longer has work: no todos"

    @pytest.mark.parametrize(
        ("decision", "due"),
        [
            (Decision(kind=DecisionKind.CONTINUE, reason="more"), NOW + 5),
            (Decision(kind=DecisionKind.PAUSE, pause=7, reason="later"), NOW + 12),
            (Decision(kind=DecisionKind.PAUSE, pause=0, reason="at once"), NOW + 5),
            (Decision(kind=DecisionKind.PAUSE, reason="rest"), None),
            (Decision(kind=DecisionKind.STOP, reason="paused"), None),
            (Decision(kind=DecisionKind.PAUSE, pause=7, reason="failures", suspend=True), None),
        ],
    )
    def test_says_when_the_next_look_is_due(self, desk: Desk, decision: Decision, due: float | None) -> None:
        begin(desk)
        assert end(desk, DONE, decision).next_look_at == due == next_look(decision, NOW + 5)

    def test_may_suspend_the_stack(self, desk: Desk) -> None:
        begin(desk)
        suspend = Decision(kind=DecisionKind.PAUSE, reason="5 failed cycles in a row", suspend=True)
        stack = end(desk, FAILED, suspend)
        assert (stack.state, stack.state_reason) == (ExecutionState.PAUSED, "5 failed cycles in a row")
        assert (stack.paused_at, stack.next_look_at) == (NOW + 5, None)

    def test_does_not_suspend_what_a_person_has_paused(self, desk: Desk) -> None:
        begin(desk)
        desk.do(steer, ControlStack(STACK, Command.PAUSE, "maintenance"), NOW + 1)
        suspend = Decision(kind=DecisionKind.PAUSE, reason="failures", suspend=True)
        stack = end(desk, FAILED, suspend)
        assert (stack.state_reason, stack.paused_at) == ("maintenance", NOW + 1)


def test_a_pause_says_why_and_which_budget_is_used_up() -> None:
    budget = BudgetName(kind="dollars")
    stack = paused(make_stack(next_look_at=NOW), "no money", NOW + 1, budget)
    assert (stack.state, stack.state_reason, stack.paused_at) == (
        ExecutionState.PAUSED,
        "no money",
        NOW + 1,
    )
    assert (stack.out_of_budget, stack.next_look_at) == (budget, None)


@settings(max_examples=100, deadline=None)
@given(fates=st.lists(st.sampled_from(["done", "idle", "fails", "stop"]), min_size=1, max_size=9))
def test_whatever_becomes_of_its_cycles_a_stacks_counters_tell(fates: list[str]) -> None:
    """Against a count kept beside: cycles, failures and fruitless ones in a row, records, statistics."""
    desk = Desk()
    cycles = failures = fruitless = todos = 0
    statuses: list[ExecutionStatus] = []
    ended: list[ExecutionStatus] = []
    for number, fate in enumerate(fates, start=1):
        now = NOW + number
        begin(desk, make_graph([make_node("planner")], id=f"{number:032}"), now)
        if fate == "stop":
            desk.do(steer, ControlStack(STACK, Command.STOP), now)
            ended += [execution.status for execution, _ in desk.writes.ended]
            desk.do(steer, ControlStack(STACK, Command.START), now)
            cycles = failures = fruitless = 0
            statuses.append(ExecutionStatus.CANCELLED)
            continue
        outcome = Outcome(effects=(CreateTodo(content="dig"),) if fate == "done" else ())
        fails = fate == "fails"
        progress = take(desk, result("planner", None if fails else outcome, "no" if fails else None), now=now)
        todos += fate == "done"
        assert progress is (fate == "done")
        assert desk.records.graph is not None
        decision = decide(
            desk.records.stack,
            desk.records.graph,
            make_report(),
            progress=progress,
            settings=PauseSettings(failures_allowed=99),
            now=now,
        )
        end(desk, None, decision, progress=progress, now=now)
        ended += [execution.status for execution, _ in desk.writes.ended]
        cycles += 1
        failures = failures + 1 if fails else 0
        fruitless = 0 if progress else fruitless + 1
        statuses.append(ExecutionStatus.FAILED if fails else ExecutionStatus.COMPLETED)
    stack = desk.records.stack
    assert (stack.total_cycles, stack.failures_in_a_row, stack.fruitless_in_a_row) == (
        cycles,
        failures,
        fruitless,
    )
    assert (stack.last_cycle, stack.current_execution_id) == (len(fates), None)
    assert len(desk.records.todos) == todos
    assert ended == statuses
