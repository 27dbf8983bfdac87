"""What records tell of themselves: open todos, waves, work by urgency, whether a report still holds."""

import pytest

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.todo import TodoStatus
from tests.making import (
    NOW,
    STACK,
    make_graph,
    make_node,
    make_report,
    make_snapshot,
    make_status,
    make_todo,
    make_user_message,
)


def test_open_todos_come_most_urgent_first_then_oldest() -> None:
    todos = (
        make_todo(1, priority=2),
        make_todo(2, priority=5, status=TodoStatus.COMPLETED),
        make_todo(3, priority=4),
        make_todo(4, priority=4, status=TodoStatus.IN_PROGRESS),
        make_todo(5, priority=5, status=TodoStatus.CANCELLED),
        make_todo(6, priority=5),
    )
    snapshot = make_snapshot(todos=todos)
    assert [int(todo.id) for todo in snapshot.open_todos] == [6, 3, 4, 1]


def test_unanswered_messages_come_oldest_first() -> None:
    messages = (
        make_user_message(1, answered_at=NOW, answer="yes"),
        make_user_message(2),
        make_user_message(3, planned_at=NOW),
    )
    assert [int(message.id) for message in make_snapshot(user_messages=messages).unanswered] == [2, 3]


class TestReport:
    def test_roles_with_work_come_most_urgent_first_then_as_registered(self) -> None:
        statuses = {
            role: make_status(priority) for role, priority in zip("dcbae", [4, 9, 4, 0, 9], strict=True)
        }
        assert make_report(statuses).roles_with_work() == ("c", "e", "d", "b")

    def test_the_earliest_time_counts(self) -> None:
        statuses = {
            "a": make_status(due_at=NOW + 9),
            "b": make_status(),
            "c": make_status(due_at=NOW + 3),
        }
        assert make_report(statuses).next_due() == NOW + 3
        assert make_report({"b": make_status()}).next_due() is None

    @pytest.mark.parametrize(
        ("now", "fresh"),
        [
            (NOW, True),
            (NOW + 2.9, True),
            (NOW + 3, False),  # the planner is due
            (NOW - 1, False),  # the clock was put back
        ],
    )
    def test_holds_while_nothing_falls_due(self, now: float, fresh: bool) -> None:
        report = make_report({"planner": make_status(due_at=NOW + 3)})
        assert report.is_fresh(ttl=5, now=now) is fresh

    def test_holds_for_its_time(self) -> None:
        report = make_report({"planner": make_status(4)})
        assert report.is_fresh(ttl=5, now=NOW + 4.9)
        assert not report.is_fresh(ttl=5, now=NOW + 5)
        assert not report.is_fresh(ttl=0, now=NOW)


class TestGraph:
    def test_has_as_many_waves_as_its_nodes_say(self) -> None:
        assert make_graph([make_node("a"), make_node("b", wave=1), make_node("c", wave=1)]).waves == 2

    @pytest.mark.parametrize(
        ("ended", "left"),
        [("", ["a", "b"]), ("a", ["b"]), ("ab", ["c", "d"]), ("abd", ["c"]), ("abcd", [])],
    )
    def test_its_unfinished_wave_is_what_is_left_of_the_first_with_anything_left(
        self, ended: str, left: list[str]
    ) -> None:
        graph = make_graph(
            make_node(role, wave=wave, status=NodeStatus.SKIPPED if role in ended else NodeStatus.PENDING)
            for role, wave in [("a", 0), ("b", 0), ("c", 1), ("d", 1)]
        )
        assert [node.role for node in graph.unfinished_wave()] == left

    def test_without_nodes_has_no_waves(self) -> None:
        assert make_graph().but(nodes=()).waves == 0

    def test_replacing_keeps_the_order_and_the_rest(self) -> None:
        graph = make_graph([make_node("a"), make_node("b")])
        changed = graph.replacing({"b": make_node("b", status=NodeStatus.FAILED)})
        assert [(node.role, node.status) for node in changed.nodes] == [
            ("a", NodeStatus.PENDING),
            ("b", NodeStatus.FAILED),
        ]


def test_a_cycle_has_a_duration_once_it_has_ended() -> None:
    running = OrchestratorExecution(id="1", stack_id=STACK, number=1, epoch=0, started_at=NOW)
    assert running.duration is None
    assert running.but(finished_at=NOW + 2.5).duration == 2.5
