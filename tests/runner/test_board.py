"""The picture that events make."""

from typing import Any

from recursor.domain import events
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.stack import ExecutionState, Phase
from recursor.runner.board import Board
from tests.making import NOW, STACK, make_stack

CONTINUE = Decision(kind=DecisionKind.CONTINUE, reason="more to do")
REST = Decision(kind=DecisionKind.PAUSE, reason="no role has work")


def event(kind: type[events.Event], **fields: Any) -> events.Event:
    return kind(stack_id=STACK, at=NOW, **fields)


def cycle_started(number: int = 1) -> events.Event:
    nodes = (Node(role="planner", priority=9, reason="no todos", wave=0),)
    graph = ExecutionGraph(id="e", stack_id=STACK, created_at=NOW, nodes=nodes)
    return event(events.CycleStarted, execution_id="e", number=number, graph=graph)


def node_started() -> events.Event:
    return event(events.NodeStarted, execution_id="e", role="planner", wave=0, reason="no todos")


def node_finished(status: NodeStatus) -> events.Event:
    return event(
        events.NodeFinished, execution_id="e", role="planner", status=status, seconds=2.0, summary="planned"
    )


def cycle_finished(status: ExecutionStatus, decision: Decision) -> events.Event:
    return event(
        events.CycleFinished, execution_id="e", number=1, status=status, decision=decision, seconds=3.0
    )


def board(*happened: events.Event) -> Board:
    board = Board()
    board.note(make_stack())
    for what in happened:
        board.apply(what)
    return board


def test_who_runs_is_on_it_until_they_end() -> None:
    running = board(cycle_started(7), node_started()).views[STACK]
    assert (running.cycle, running.wave, running.waves) == (7, 0, 1)
    assert running.running["planner"].since == NOW
    ended = board(cycle_started(), node_started(), node_finished(NodeStatus.COMPLETED)).views[STACK]
    assert ended.running == {}
    assert ended.last == "planned"


def test_several_runs_of_a_role_are_on_it_each_for_its_todo() -> None:
    def started(todo_id: str) -> events.Event:
        fields = {"role": "builder", "todo_id": todo_id, "wave": 1, "reason": "2 todos"}
        return event(events.NodeStarted, execution_id="e", **fields)

    ended = event(
        events.NodeFinished, execution_id="e", role="builder", todo_id="a1", status=NodeStatus.COMPLETED
    )
    both = board(cycle_started(), started("a1"), started("a2")).views[STACK].running
    assert [(each.role, each.todo_id) for each in both.values()] == [("builder", "a1"), ("builder", "a2")]
    left = board(cycle_started(), started("a1"), started("a2"), ended).views[STACK].running
    assert [each.todo_id for each in left.values()] == ["a2"]


def test_why_nothing_runs_is_on_it() -> None:
    view = board(event(events.StackWaits, decision=REST, until=NOW + 30)).views[STACK]
    assert (view.waits, view.until) == ("no role has work", NOW + 30)
    assert (
        board(event(events.StackWaits, decision=REST, until=None), cycle_started()).views[STACK].waits is None
    )


def test_totals_count_runs_and_cycles() -> None:
    totals = board(
        node_finished(NodeStatus.COMPLETED),
        node_finished(NodeStatus.FAILED),
        node_finished(NodeStatus.SKIPPED),
        cycle_finished(ExecutionStatus.COMPLETED, CONTINUE),
        cycle_finished(ExecutionStatus.FAILED, REST),
    ).totals
    assert (totals.agent_runs, totals.failures, totals.agent_seconds) == (2, 1, 4.0)
    assert (totals.cycles, totals.failed_cycles) == (2, 1)
    assert totals.decisions == {"continue": 1, "pause": 1}


def test_stacks_come_and_go() -> None:
    changed = event(
        events.StackChanged, name="hill", state=ExecutionState.PAUSED, phase=Phase.BUILDING, reason="failed"
    )
    empty = Board()
    empty.apply(cycle_started())
    assert empty.views == {}
    empty.apply(changed)
    view = empty.views[STACK]
    assert (view.name, view.state, view.reason) == ("hill", ExecutionState.PAUSED, "failed")
    empty.apply(event(events.StackDeleted))
    assert empty.views == {}
