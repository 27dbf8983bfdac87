"""The snapshot: complete as long as it is small, small whatever a stack has gone through."""

from typing import Any

import pytest

from recursor.domain.errors import NotFoundError
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import TodoStatus
from recursor.storage import snapshots
from recursor.storage.conversations import add_message
from recursor.storage.errors import CorruptRecordError
from recursor.storage.revisions import bump_revision, bump_runs, read_revision
from recursor.storage.snapshots import refresh_snapshot, take_snapshot
from recursor.storage.stacks import create_stack
from recursor.storage.store import Store
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    MESSAGES,
    STACKS,
    STATES,
    TODOS,
    USER_MESSAGES,
)
from tests.making import (
    NOW,
    ROLES,
    STACK,
    make_artifact,
    make_idea,
    make_message,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)

OTHER = "5eed000000000009"


def put(store: Store, table: Any, *records: Any) -> None:
    def work(writer: Any) -> None:
        for record in records:
            table.put(writer, record)

    store.write(work)


def take(store: Store, roles: tuple[str, ...] = ROLES) -> Snapshot:
    with store.read() as reader:
        return take_snapshot(reader, STACK, roles, NOW)


def ids(records: Any) -> list[int]:
    return [int(record.id) for record in records]


@pytest.fixture
def stack(database: Store) -> Store:
    database.write(lambda writer: create_stack(writer, make_stack(), make_idea()))
    return database


def test_a_new_stack_has_nothing_but_its_idea_and_roles(stack: Store) -> None:
    snapshot = take(stack)
    assert snapshot.stack == make_stack()
    assert snapshot.idea == make_idea()
    assert (snapshot.todos, snapshot.user_messages, snapshot.messages, snapshot.artifact) == (
        (),
        (),
        (),
        None,
    )
    assert list(snapshot.states) == list(ROLES)
    assert snapshot.states["planner"].last_run_at is None
    assert snapshot.taken_at == NOW


def test_of_what_is_not_there_says_so(stack: Store) -> None:
    with stack.read() as reader, pytest.raises(NotFoundError, match="no stack lost"):
        take_snapshot(reader, "lost", ROLES, NOW)


def test_everything_is_there_oldest_first_and_nothing_of_others(stack: Store) -> None:
    todos = [make_todo(n, status=list(TodoStatus)[n % 4]) for n in range(8)]
    messages = [
        make_user_message(n, answered_at=NOW if n % 2 else None, planned_at=NOW if n % 3 else None)
        for n in range(8)
    ]
    put(stack, TODOS, *reversed(todos), make_todo(99, stack_id=OTHER))
    put(stack, USER_MESSAGES, *reversed(messages), make_user_message(99, stack_id=OTHER))
    put(stack, ARTIFACTS, make_artifact(2), make_artifact(11), make_artifact(99, stack_id=OTHER))
    put(stack, MESSAGES, make_message(5), make_message(3), make_message(4, read_at=NOW))
    put(stack, MESSAGES, make_message(9, to_stack_id=OTHER, from_stack_id=STACK))
    put(stack, STATES, make_state("planner", NOW - 5), make_state("planner", NOW, stack_id=OTHER))
    snapshot = take(stack, ("planner", "gardener"))
    assert list(snapshot.todos) == todos
    assert list(snapshot.user_messages) == messages
    assert snapshot.artifact == make_artifact(11)
    assert ids(snapshot.messages) == [3, 5]
    assert list(snapshot.states) == ["planner", "gardener"]
    assert snapshot.states["planner"].last_run_at == NOW - 5


class TestBounds:
    def test_of_open_todos_the_oldest_come_first(self, stack: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshots, "MAX_OPEN", 3)
        put(stack, TODOS, *(make_todo(n) for n in range(5)))
        assert ids(take(stack).todos) == [0, 1, 2]

    def test_of_closed_todos_the_newest_come(self, stack: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshots, "MAX_CLOSED_TODOS", 2)
        put(stack, TODOS, make_todo(0), *(make_todo(n, status=TodoStatus.COMPLETED) for n in range(1, 6)))
        assert ids(take(stack).todos) == [0, 4, 5]

    def test_of_visitors_messages_the_longest_waiting_come(
        self, stack: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snapshots, "MAX_OPEN", 2)
        monkeypatch.setattr(snapshots, "MAX_UNPLANNED", 2)
        monkeypatch.setattr(snapshots, "MAX_PAST_USER_MESSAGES", 1)
        put(stack, USER_MESSAGES, *(make_user_message(n) for n in range(10, 14)))
        put(stack, USER_MESSAGES, *(make_user_message(n, answered_at=NOW) for n in range(20, 24)))
        put(
            stack,
            USER_MESSAGES,
            *(make_user_message(n, answered_at=NOW, planned_at=NOW) for n in range(30, 34)),
        )
        assert ids(take(stack).user_messages) == [10, 11, 22, 23, 33]

    def test_a_long_life_makes_no_large_snapshot(self, stack: Store) -> None:
        def live(writer: Any) -> None:
            for n in range(700):
                TODOS.add(writer, make_todo(n))
                TODOS.add(writer, make_todo(n + 1000, status=TodoStatus.COMPLETED))
                USER_MESSAGES.add(writer, make_user_message(n))
                MESSAGES.add(writer, make_message(n))
                MESSAGES.add(writer, make_message(n, to_stack_id=None))

        stack.write(live)
        snapshot = take(stack)
        assert len(snapshot.todos) == snapshots.MAX_OPEN + snapshots.MAX_CLOSED_TODOS
        assert len(snapshot.user_messages) == snapshots.MAX_OPEN
        assert len(snapshot.messages) == 2 * snapshots.MAX_OPEN


class TestBroadcasts:
    def test_are_unread_after_the_place_of_the_stack(self, stack: Store) -> None:
        put(stack, MESSAGES, *(make_message(n, to_stack_id=None) for n in range(1, 5)))
        put(stack, STACKS, make_stack(broadcasts_read=f"{2:032}"))
        assert ids(take(stack).messages) == [3, 4]

    def test_of_the_stack_itself_are_not_for_it(self, stack: Store) -> None:
        put(stack, MESSAGES, make_message(1, to_stack_id=None, from_stack_id=STACK))
        assert take(stack).messages == ()

    def test_the_oldest_come_first_so_that_none_is_passed_over(
        self, stack: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snapshots, "MAX_OPEN", 3)
        put(stack, MESSAGES, *(make_message(n, to_stack_id=None) for n in range(1, 8)))
        put(stack, MESSAGES, make_message(2, to_stack_id=None, from_stack_id=STACK))
        assert ids(take(stack).messages) == [1, 3, 4]

    def test_one_that_cannot_be_read_stops_nobody(
        self, stack: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(stack, MESSAGES, *(make_message(n, to_stack_id=None) for n in range(1, 4)))
        key = f"{BROADCASTS}/0/{2:032}"
        stack.write(lambda writer: writer.put(MESSAGES.name, key.encode(), b"\xc1"))
        assert ids(take(stack).messages) == [1, 3]
        assert key in caplog.text

    def test_a_message_to_this_stack_alone_that_cannot_be_read_is_named(self, stack: Store) -> None:
        key = f"{STACK}/0/{2:032}"
        stack.write(lambda writer: writer.put(MESSAGES.name, key.encode(), b"\xc1"))
        with pytest.raises(CorruptRecordError, match=f"^messages {key}: "):
            take(stack)


def test_the_revision_is_that_of_the_moment(stack: Store) -> None:
    before = take(stack)
    stack.write(lambda writer: bump_revision(writer, STACK))
    stack.write(lambda writer: bump_runs(writer, STACK))
    stack.write(lambda writer: add_message(writer, make_message(1, to_stack_id=None)))
    after = take(stack)
    assert [b - a for a, b in zip(before.revision, after.revision, strict=True)] == [1, 1, 1]


def test_refreshing_reads_the_states_of_who_ran_and_nothing_else(stack: Store) -> None:
    earlier = take(stack)
    put(stack, STATES, make_state("planner", NOW + 1), make_state("builder", NOW + 2))
    stack.write(lambda writer: bump_runs(writer, STACK))
    with stack.read() as reader:
        revision = read_revision(reader, STACK)
        fresh = refresh_snapshot(reader, earlier, revision, ["planner"], NOW + 3)
    assert (fresh.taken_at, fresh.revision) == (NOW + 3, revision)
    assert fresh.states["planner"].last_run_at == NOW + 1
    assert fresh.states["builder"].last_run_at is None
    assert earlier.states["planner"].last_run_at is None
    assert fresh.stack == earlier.stack
