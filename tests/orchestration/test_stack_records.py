"""What an owner holds, and what agents see of it: complete as long as it is small, small whatever happens."""

from typing import Any

import pytest

from recursor.domain.todo import TodoStatus
from recursor.orchestration import stack_records
from recursor.orchestration.stack_records import StackRecords, forgettable
from tests.making import (
    NOW,
    ROLES,
    make_artifact,
    make_idea,
    make_message,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import make_records


def see(records: StackRecords, roles: tuple[str, ...] = ROLES) -> Any:
    return records.snapshot(dict.fromkeys(roles), NOW)


def ids(records: Any) -> list[int]:
    return [int(record.id) for record in records]


def test_a_new_stack_has_nothing_but_its_idea_and_roles() -> None:
    snapshot = see(make_records())
    assert (snapshot.stack, snapshot.idea) == (make_stack(), make_idea())
    assert (snapshot.todos, snapshot.user_messages, snapshot.messages, snapshot.artifact) == (
        (),
        (),
        (),
        None,
    )
    assert list(snapshot.states) == list(ROLES)
    assert snapshot.states["planner"].last_run_at is None
    assert snapshot.taken_at == NOW


def test_everything_is_there_oldest_first() -> None:
    todos = [make_todo(n, status=list(TodoStatus)[n % 4]) for n in range(8)]
    visitors = [
        make_user_message(n, answered_at=NOW if n % 2 else None, planned_at=NOW if n % 3 else None)
        for n in range(8)
    ]
    records = make_records(
        todos=reversed(todos),
        user_messages=reversed(visitors),
        messages=[make_message(5), make_message(3)],
        broadcasts=[make_message(4, to_stack_id=None)],
        artifact=make_artifact(11),
        states=[make_state("planner", NOW - 5), make_state("gone", NOW)],
    )
    snapshot = see(records, ("planner", "gardener"))
    assert list(snapshot.todos) == todos
    assert list(snapshot.user_messages) == visitors
    assert snapshot.artifact == make_artifact(11)
    assert ids(snapshot.messages) == [3, 4, 5]
    # One that left the team may come back.
    assert sorted(snapshot.states) == ["gardener", "gone", "planner"]
    assert snapshot.states["planner"].last_run_at == NOW - 5


def test_a_later_snapshot_shares_what_has_not_changed() -> None:
    records = make_records(todos=[make_todo(1)], states=[make_state(role, NOW) for role in ROLES])
    roles = dict.fromkeys(ROLES)
    first = records.snapshot(roles, NOW)
    changed = records.copy()
    changed.idea = make_idea(title="Garden")
    second = changed.snapshot(roles, NOW + 3)
    assert (second.taken_at, second.idea) == (NOW + 3, make_idea(title="Garden"))
    assert second.todos is first.todos
    assert second.states is first.states
    assert (first.taken_at, first.idea) == (NOW, make_idea())


class TestBounds:
    """Of open work the most urgent, then the oldest, is shown; the rest comes in when that is done."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stack_records, "MAX_OPEN", 3)
        monkeypatch.setattr(stack_records, "MAX_CLOSED_TODOS", 2)
        monkeypatch.setattr(stack_records, "MAX_UNPLANNED", 2)
        monkeypatch.setattr(stack_records, "MAX_PAST_USER_MESSAGES", 1)

    def test_of_open_todos_the_oldest_are_shown(self) -> None:
        records = make_records(todos=[make_todo(n) for n in range(5)])
        assert ids(see(records).todos) == [0, 1, 2]
        assert len(forgettable(records).todos) == 5

    def test_urgent_ones_are_shown_before_older_ones(self) -> None:
        records = make_records(todos=[*(make_todo(n) for n in range(4)), make_todo(4, priority=5)])
        assert ids(see(records).todos) == [0, 1, 4]

    def test_what_is_not_shown_is_counted(self) -> None:
        records = make_records(
            todos=[make_todo(0, status=TodoStatus.COMPLETED), *(make_todo(n) for n in range(1, 6))],
            user_messages=[make_user_message(n) for n in range(7)],
            messages=[make_message(n) for n in range(4)],
        )
        snapshot = see(records)
        assert (snapshot.more_todos, snapshot.more_user_messages, snapshot.more_messages) == (2, 4, 1)
        both = see(
            make_records(messages=[make_message(1)], broadcasts=[make_message(n) for n in range(2, 7)])
        )
        assert both.more_messages == 2

    def test_a_visitor_who_writes_much_hides_no_other(self) -> None:
        messages = [
            *(make_user_message(n, sender="Ada") for n in range(9)),
            make_user_message(9, sender="Bob"),
        ]
        snapshot = see(make_records(user_messages=messages))
        assert ids(snapshot.user_messages) == [0, 1, 9]
        assert snapshot.more_user_messages == 7

    def test_closed_todos_are_shown_beside_them(self) -> None:
        closed = [make_todo(n, status=TodoStatus.COMPLETED) for n in (0, 7)]
        records = make_records(todos=[*closed, *(make_todo(n) for n in range(1, 6))])
        assert ids(see(records).todos) == [0, 1, 2, 3, 7]

    def test_of_closed_todos_the_newest_stay(self) -> None:
        closed = [make_todo(n, status=TodoStatus.COMPLETED) for n in range(1, 6)]
        records = forgettable(make_records(todos=[make_todo(0), *closed]))
        assert ids(records.todos) == ids(see(records).todos) == [0, 4, 5]

    def test_of_visitors_messages_the_longest_waiting_are_shown(self) -> None:
        waiting = [make_user_message(n) for n in range(10, 15)]
        unplanned = [make_user_message(n, answered_at=NOW) for n in range(20, 24)]
        past = [make_user_message(n, answered_at=NOW, planned_at=NOW) for n in range(30, 34)]
        records = forgettable(make_records(user_messages=[*waiting, *unplanned, *past]))
        assert ids(records.user_messages) == [10, 11, 12, 13, 14, 22, 23, 33]
        assert ids(see(records).user_messages) == [10, 11, 12, 22, 23, 33]

    def test_of_messages_and_broadcasts_the_oldest_are_shown_so_that_none_is_passed_over(self) -> None:
        records = make_records(
            messages=[make_message(n) for n in range(1, 9, 2)],
            broadcasts=[make_message(n, to_stack_id=None) for n in range(2, 10, 2)],
        )
        assert ids(see(records).messages) == [1, 2, 3, 4, 5, 6]

    def test_what_is_small_stays_the_same(self) -> None:
        records = make_records(todos=[make_todo(1, status=TodoStatus.COMPLETED)])
        kept = forgettable(records)
        assert (kept.todos, kept.user_messages) == (records.todos, records.user_messages)


def test_a_long_life_makes_no_large_snapshot() -> None:
    records = forgettable(
        make_records(
            todos=[
                *(make_todo(n) for n in range(700)),
                *(make_todo(n + 1000, status=TodoStatus.COMPLETED) for n in range(700)),
            ],
            user_messages=[make_user_message(n) for n in range(700)],
            messages=[make_message(n) for n in range(700)],
            broadcasts=[make_message(n + 1000, to_stack_id=None) for n in range(700)],
        )
    )
    snapshot = see(records)
    assert len(snapshot.todos) == stack_records.MAX_OPEN + stack_records.MAX_CLOSED_TODOS
    assert len(snapshot.user_messages) == stack_records.MAX_OPEN
    assert len(snapshot.messages) == 2 * stack_records.MAX_OPEN
