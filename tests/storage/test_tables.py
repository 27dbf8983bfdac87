"""Where records stand: by stack, in the order of their age, each on one shelf."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.message import UserMessage
from recursor.domain.todo import TodoStatus
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader, Store
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    CLOSED,
    IDEAS,
    MESSAGES,
    OPEN,
    RECORD_TABLES,
    STACKS,
    STATES,
    TABLES,
    TODOS,
    UNANSWERED,
    UNPLANNED,
    USER_MESSAGES,
)
from tests.making import (
    NOW,
    STACK,
    make_artifact,
    make_idea,
    make_message,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)

OTHER = "5eed000000000002"
shared_store = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def put(store: Store, table: Any, *records: Any) -> None:
    commit = Commit()
    for record in records:
        table.put(commit, record)
    store.write(commit)


def changed(store: Store, change: Callable[[Commit], None]) -> None:
    commit = Commit()
    change(commit)
    store.write(commit)


def ids(records: Any) -> list[int]:
    return [int(record.id) for record in records]


def raw_keys(reader: Reader, table: str) -> list[bytes]:
    return [key for key, _ in reader.scan(table)]


def test_every_table_has_a_name_of_its_own() -> None:
    assert len(set(TABLES)) == len(TABLES)
    assert {table.name for table in RECORD_TABLES} < set(TABLES)


class TestOneRecord:
    def test_is_found_by_stack_and_key(self, database: Store) -> None:
        todo, state = make_todo(1), make_state("planner", NOW)
        put(database, TODOS, todo)
        put(database, STATES, state)
        put(database, IDEAS, make_idea())
        with database.read() as reader:
            assert TODOS.get(reader, STACK, todo.id) == todo
            assert STATES.get(reader, STACK, "planner") == state
            assert IDEAS.get(reader, STACK) == make_idea()
            assert TODOS.get(reader, OTHER, todo.id) is None
            assert TODOS.get(reader, STACK, "2") is None
            assert IDEAS.get(reader, OTHER) is None

    @pytest.mark.parametrize("key", ["", "x" * 600, "\ud800", "/", "0/" + "1".zfill(32)])
    def test_has_no_strange_key(self, database: Store, key: str) -> None:
        put(database, TODOS, make_todo(1))
        with database.read() as reader:
            assert TODOS.get(reader, STACK, key) is None
            assert STACKS.get(reader, key) is None

    def test_is_replaced_by_the_next_with_its_key(self, database: Store) -> None:
        put(database, TODOS, make_todo(1, content="old"), make_todo(1, content="new"))
        with database.read() as reader:
            assert [todo.content for todo in TODOS.scan(reader, STACK)] == ["new"]

    @pytest.mark.parametrize("status", list(TodoStatus))
    def test_is_deleted_wherever_it_stands(self, database: Store, status: TodoStatus) -> None:
        todo = make_todo(1, status=status)
        put(database, TODOS, todo, make_todo(2))
        for _ in range(2):
            changed(database, lambda commit: TODOS.delete(commit, STACK, todo.id))
        with database.read() as reader:
            assert ids(TODOS.scan(reader, STACK)) == [2]

    def test_that_cannot_be_read_is_named(self, database: Store) -> None:
        put(database, TODOS, make_todo(1))
        key = f"{STACK}/0/{1:032}"
        changed(database, lambda commit: commit.put(TODOS.name, key.encode(), b"\xc1"))
        with database.read() as reader:
            with pytest.raises(CorruptRecordError, match=f"^todos {key}: is not a readable Todo"):
                TODOS.get(reader, STACK, f"{1:032}")
            with pytest.raises(CorruptRecordError, match=f"^todos {key}: is not a readable Todo"):
                list(TODOS.scan(reader, STACK))
            assert list(TODOS.keys(reader, STACK)) == [f"{1:032}"]


class TestShelves:
    @shared_store
    @given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(TodoStatus)), max_size=20))
    def test_a_todo_stands_on_the_one_of_its_status(
        self, database: Store, puts: list[tuple[int, TodoStatus]]
    ) -> None:
        changed(database, lambda commit: TODOS.delete_stack(commit, STACK))
        put(database, TODOS, *(make_todo(number, status=status) for number, status in puts))
        last = dict(puts)
        with database.read() as reader:
            assert ids(TODOS.scan(reader, STACK, shelf=OPEN)) == sorted(n for n in last if last[n].open)
            assert ids(TODOS.scan(reader, STACK, shelf=CLOSED)) == sorted(n for n in last if not last[n].open)
            assert len(raw_keys(reader, TODOS.name)) == len(last)
            for number, status in last.items():
                found = TODOS.get(reader, STACK, f"{number:032}")
                assert found is not None
                assert found.status is status

    @shared_store
    @given(st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.booleans()), max_size=20))
    def test_a_visitors_message_stands_on_the_one_of_what_is_left_to_do(
        self, database: Store, puts: list[tuple[int, bool, bool]]
    ) -> None:
        def message(number: int, answered: bool, planned: bool) -> UserMessage:
            return make_user_message(
                number, answered_at=NOW if answered else None, planned_at=NOW if planned else None
            )

        changed(database, lambda commit: USER_MESSAGES.delete_stack(commit, STACK))
        put(database, USER_MESSAGES, *(message(*each) for each in puts))
        last = {number: (answered, planned) for number, answered, planned in puts}
        with database.read() as reader:
            shelves = {
                shelf: ids(USER_MESSAGES.scan(reader, STACK, shelf=shelf))
                for shelf in (UNANSWERED, UNPLANNED, CLOSED)
            }
            assert shelves[UNANSWERED] == sorted(n for n in last if not last[n][0])
            assert shelves[UNPLANNED] == sorted(n for n in last if last[n] == (True, False))
            assert sum(map(len, shelves.values())) == len(last) == len(raw_keys(reader, USER_MESSAGES.name))

    def test_a_message_moves_when_it_is_read(self, database: Store) -> None:
        put(database, MESSAGES, make_message(1), make_message(2), make_message(1, read_at=NOW))
        with database.read() as reader:
            assert ids(MESSAGES.oldest(reader, STACK, 9, OPEN)) == [2]

    def test_a_broadcast_belongs_to_no_stack(self, database: Store) -> None:
        put(database, MESSAGES, make_message(1, to_stack_id=None), make_message(2))
        with database.read() as reader:
            assert ids(MESSAGES.scan(reader, STACK)) == [2]
            assert ids(MESSAGES.scan(reader, BROADCASTS)) == [1]


class TestOrder:
    def test_is_that_of_age_both_ways(self, database: Store) -> None:
        put(database, ARTIFACTS, *(make_artifact(number) for number in (9, 10, 2, 100, 1)))
        with database.read() as reader:
            assert [a.number for a in ARTIFACTS.scan(reader, STACK)] == [1, 2, 9, 10, 100]
            assert [a.number for a in ARTIFACTS.newest(reader, STACK, 2)] == [100, 10]
            assert [a.number for a in ARTIFACTS.oldest(reader, STACK, 2)] == [1, 2]
            assert ARTIFACTS.newest(reader, STACK, 0) == []
            assert len(ARTIFACTS.newest(reader, STACK, 99)) == 5

    @shared_store
    @given(st.lists(st.sampled_from(TodoStatus), max_size=12), st.integers(0, 14))
    def test_of_all_shelves_together_is_that_of_age_too(
        self, database: Store, statuses: list[TodoStatus], limit: int
    ) -> None:
        changed(database, lambda commit: TODOS.delete_stack(commit, STACK))
        put(database, TODOS, *(make_todo(number, status=status) for number, status in enumerate(statuses)))
        numbers = list(range(len(statuses)))
        with database.read() as reader:
            assert ids(TODOS.oldest(reader, STACK, limit)) == numbers[:limit]
            assert ids(TODOS.newest(reader, STACK, limit)) == numbers[::-1][:limit]

    def test_begins_after_a_key(self, database: Store) -> None:
        put(database, MESSAGES, *(make_message(n, to_stack_id=None) for n in range(5)))
        with database.read() as reader:
            after = MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, after=f"{2:032}")
            assert [int(key) for key in after] == [3, 4]
            newest = MESSAGES.keys(reader, BROADCASTS, shelf=OPEN, newest_first=True)
            assert int(next(newest)) == 4

    def test_does_not_mix_stacks(self, database: Store) -> None:
        for stack_id in ("5eed", "5eed0", "5eed00", STACK, OTHER):
            put(database, TODOS, make_todo(1, stack_id=stack_id), make_todo(2, stack_id=stack_id))
        with database.read() as reader:
            for stack_id in ("5eed", "5eed0", "5eed00", STACK, OTHER):
                found = TODOS.newest(reader, stack_id, 9)
                assert [todo.stack_id for todo in found] == [stack_id] * 2


def test_deleting_a_stack_takes_all_of_it_and_nothing_else(database: Store) -> None:
    for stack_id in ("5eed", "5eed0", "5eec", "5eee", STACK):
        put(database, STACKS, make_stack(id=stack_id))
        put(
            database,
            TODOS,
            make_todo(1, stack_id=stack_id),
            make_todo(2, stack_id=stack_id, status="completed"),
        )
    with database.read() as reader:
        before = {table.name: dict(reader.scan(table.name)) for table in (STACKS, TODOS)}
    changed(database, lambda commit: STACKS.delete_stack(commit, "5eed"))
    changed(database, lambda commit: TODOS.delete_stack(commit, "5eed"))
    with database.read() as reader:
        for table, pairs in before.items():
            left = {key: value for key, value in pairs.items() if key.split(b"/")[0] != b"5eed"}
            assert dict(reader.scan(table)) == left
