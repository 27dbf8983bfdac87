"""What people and other stacks tell a stack: stored once, noted as news, refused where it makes no sense."""

from typing import Any

import pytest

from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.message import Message
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.storage.conversations import (
    add_message,
    add_todo,
    add_user_message,
    cancel_todo,
    edit_todo,
    new_message,
    new_todo,
    new_user_message,
)
from recursor.storage.revisions import read_revision
from recursor.storage.snapshots import take_snapshot
from recursor.storage.stacks import configure_stack, create_stack, new_idea, read_stack, set_idea
from recursor.storage.store import Store
from recursor.storage.tables import BROADCASTS, MESSAGES, STACKS, TABLES, TODOS, USER_MESSAGES
from tests.making import NOW, STACK, make_stack

OTHER = "5eed000000000002"


@pytest.fixture
def stack(database: Store) -> Store:
    for stack_id in (STACK, OTHER):
        made = make_stack(id=stack_id, name=f"name of {stack_id}", next_look_at=NOW + 20)
        database.write(lambda writer, made=made: create_stack(writer, made))
    return database


def everything(store: Store) -> dict[str, dict[bytes, bytes]]:
    with store.read() as reader:
        return {table: dict(reader.scan(table)) for table in TABLES}


def revision(store: Store, stack_id: str = STACK) -> tuple[int, int, int]:
    with store.read() as reader:
        return read_revision(reader, stack_id)


def next_look(store: Store, stack_id: str = STACK) -> float | None:
    with store.read() as reader:
        return read_stack(reader, stack_id).next_look_at


def say(store: Store, content: str = "hello") -> Any:
    message = new_user_message(STACK, "Ada", content, NOW)
    return store.write(lambda writer: add_user_message(writer, message))


class TestBadInput:
    @pytest.mark.parametrize(
        ("make", "what"),
        [
            (lambda: new_user_message(STACK, "", "hello", NOW), "message: sender: "),
            (lambda: new_user_message(STACK, "two\nlines", "hello", NOW), "message: sender: "),
            (lambda: new_user_message(STACK, "Ada", "  ", NOW), "message: content: "),
            (lambda: new_user_message(STACK, "Ada", "x" * 20_001, NOW), "message: content: "),
            (lambda: new_message(make_stack(), OTHER, "", NOW), "message: content: "),
            (lambda: new_todo(STACK, "", 3, NOW), "todo: content: "),
            (lambda: new_todo(STACK, "x" * 2_001, 3, NOW), "todo: content: "),
            (lambda: new_todo(STACK, "water", 0, NOW), "todo: priority: "),
            (lambda: new_todo(STACK, "water", 6, NOW), "todo: priority: "),
        ],
    )
    def test_is_refused_in_one_line(self, make: Any, what: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            make()
        assert str(caught.value).startswith(what)
        assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("add", "record"),
        [
            (add_user_message, new_user_message("lost", "Ada", "hello", NOW)),
            (add_todo, new_todo("lost", "water", 3, NOW)),
            (add_message, new_message(make_stack(), "lost", "hello", NOW)),
        ],
    )
    def test_for_a_stack_that_is_not_there_writes_nothing(self, stack: Store, add: Any, record: Any) -> None:
        before = everything(stack)
        with pytest.raises(NotFoundError, match="no stack lost"):
            stack.write(lambda writer: add(writer, record))
        assert everything(stack) == before


class TestNews:
    """Whatever is told to a stack raises its revision and, so that no crash loses it, makes it due."""

    @pytest.mark.parametrize(
        ("add", "record"),
        [
            (add_user_message, new_user_message(STACK, "Ada", "hello", NOW)),
            (add_todo, new_todo(STACK, "water", 3, NOW)),
            (add_message, new_message(make_stack(id=OTHER), STACK, "hello", NOW)),
        ],
        ids=["visitor", "todo", "stack"],
    )
    def test_is_noted_with_the_receiver_alone(self, stack: Store, add: Any, record: Any) -> None:
        before, others = revision(stack), revision(stack, OTHER)
        assert stack.write(lambda writer: add(writer, record)) == record
        assert revision(stack)[0] == before[0] + 1
        assert next_look(stack) == NOW
        assert revision(stack, OTHER) == others
        assert next_look(stack, OTHER) == NOW + 20

    @pytest.mark.parametrize(
        ("add", "record"),
        [
            (add_user_message, new_user_message(STACK, "Ada", "hello", NOW)),
            (add_todo, new_todo(STACK, "water", 3, NOW)),
            (add_message, new_message(make_stack(id=OTHER), STACK, "hello", NOW)),
            (add_message, new_message(make_stack(id=OTHER), None, "hello", NOW)),
        ],
        ids=["visitor", "todo", "stack", "broadcast"],
    )
    def test_that_is_told_twice_is_stored_once(self, stack: Store, add: Any, record: Any) -> None:
        stack.write(lambda writer: add(writer, record))
        before = everything(stack)
        assert stack.write(lambda writer: add(writer, record)) == record
        assert everything(stack) == before

    def test_a_look_that_is_due_already_stays_due(self, stack: Store) -> None:
        made = make_stack(id=STACK, next_look_at=NOW - 5)
        stack.write(lambda writer: STACKS.put(writer, made))
        say(stack)
        assert next_look(stack) == NOW - 5

    def test_a_stack_that_rests_is_due_again(self, stack: Store) -> None:
        stack.write(lambda writer: STACKS.put(writer, make_stack(id=STACK, next_look_at=None)))
        say(stack)
        assert next_look(stack) == NOW

    @pytest.mark.parametrize("state", [ExecutionState.IDLE, ExecutionState.PAUSED, ExecutionState.STOPPED])
    def test_a_stack_that_may_not_run_keeps_it_for_later(self, stack: Store, state: ExecutionState) -> None:
        stack.write(lambda writer: STACKS.put(writer, make_stack(id=STACK, state=state)))
        before = revision(stack)
        message = say(stack)
        assert next_look(stack) is None
        assert revision(stack)[0] == before[0] + 1
        with stack.read() as reader:
            assert USER_MESSAGES.get(reader, STACK, message.id) == message

    def test_told_again_after_it_was_read_stays_read(self, stack: Store) -> None:
        message = new_message(make_stack(id=OTHER), STACK, "hello", NOW)
        stack.write(lambda writer: add_message(writer, message))
        stack.write(lambda writer: MESSAGES.put(writer, message.but(read_at=NOW)))
        stack.write(lambda writer: add_message(writer, message))
        with stack.read() as reader:
            assert take_snapshot(reader, STACK, (), NOW).messages == ()


class TestBroadcast:
    def test_is_news_for_all(self, stack: Store) -> None:
        before = revision(stack), revision(stack, OTHER)
        stack.write(lambda writer: add_message(writer, new_message(make_stack(), None, "to all", NOW)))
        assert (revision(stack)[2], revision(stack, OTHER)[2]) == (before[0][2] + 1, before[1][2] + 1)

    def test_that_was_overtaken_is_still_read(self, stack: Store) -> None:
        """Made first and stored last, it must not stand before the place that others have read up to."""
        slow = new_message(make_stack(id="third"), None, "slow", NOW)
        quick = new_message(make_stack(id="third"), None, "quick", NOW)
        stack.write(lambda writer: add_message(writer, quick))
        stack.write(lambda writer: STACKS.put(writer, make_stack(broadcasts_read=quick.id)))
        stored = stack.write(lambda writer: add_message(writer, slow))
        assert stored.id > quick.id
        with stack.read() as reader:
            assert [m.content for m in take_snapshot(reader, STACK, (), NOW).messages] == ["slow"]
            assert MESSAGES.get(reader, BROADCASTS, stored.id) == stored

    def test_from_before_a_clock_was_put_back_does_not_hide_the_next(self, stack: Store) -> None:
        def broadcast(content: str, **fields: Any) -> Message:
            message = new_message(make_stack(id="third"), None, content, NOW).but(**fields)
            return stack.write(lambda writer: add_message(writer, message))

        future = broadcast("from the future", id="f" * 31 + "0")
        assert broadcast("now").id == "f" * 31 + "1"
        assert broadcast("later").id > future.id

    def test_from_before_a_stack_was_made_is_not_for_it(self, stack: Store) -> None:
        stack.write(lambda writer: add_message(writer, new_message(make_stack(id=OTHER), None, "old", NOW)))
        stack.write(lambda writer: create_stack(writer, make_stack(id="late")))
        stack.write(lambda writer: add_message(writer, new_message(make_stack(id=OTHER), None, "new", NOW)))
        with stack.read() as reader:
            assert [m.content for m in take_snapshot(reader, "late", (), NOW).messages] == ["new"]


class TestCancellingATodo:
    def test_closes_it(self, stack: Store) -> None:
        todo = stack.write(lambda writer: add_todo(writer, new_todo(STACK, "water", 3, NOW)))
        before = revision(stack)
        cancelled = stack.write(lambda writer: cancel_todo(writer, STACK, todo.id, NOW + 9))
        assert (cancelled.status, cancelled.closed_at) == (TodoStatus.CANCELLED, NOW + 9)
        assert (cancelled.updated_at, cancelled.updated_by) == (NOW + 9, "user")
        assert revision(stack)[0] == before[0] + 1
        with stack.read() as reader:
            assert list(TODOS.scan(reader, STACK)) == [cancelled]

    def test_twice_is_once(self, stack: Store) -> None:
        todo = stack.write(lambda writer: add_todo(writer, new_todo(STACK, "water", 3, NOW)))
        first = stack.write(lambda writer: cancel_todo(writer, STACK, todo.id, NOW + 9))
        before = everything(stack)
        assert stack.write(lambda writer: cancel_todo(writer, STACK, todo.id, NOW + 99)) == first
        assert everything(stack) == before

    def test_that_is_completed_is_refused(self, stack: Store) -> None:
        todo = new_todo(STACK, "water", 3, NOW).but(status=TodoStatus.COMPLETED)
        stack.write(lambda writer: add_todo(writer, todo))
        with pytest.raises(
            ConflictError, match=f"^todo {todo.id} is completed: it cannot be cancelled any more$"
        ):
            stack.write(lambda writer: cancel_todo(writer, STACK, todo.id, NOW))

    @pytest.mark.parametrize("todo_id", ["", "lost", "x" * 600, "\udcff"])
    def test_that_is_not_there_is_refused(self, stack: Store, todo_id: str) -> None:
        with pytest.raises(NotFoundError, match=r"^no todo "):
            stack.write(lambda writer: cancel_todo(writer, STACK, todo_id, NOW))

    def test_of_another_stack_is_not_there(self, stack: Store) -> None:
        todo = stack.write(lambda writer: add_todo(writer, new_todo(STACK, "water", 3, NOW)))
        with pytest.raises(NotFoundError):
            stack.write(lambda writer: cancel_todo(writer, OTHER, todo.id, NOW))


class TestWhatAPersonGave:
    """Is kept with its time, whatever becomes of it: a row of repetitions begins anew there."""

    def last_input(self, store: Store) -> float | None:
        with store.read() as reader:
            return read_stack(reader, STACK).last_input_at

    def test_is_a_todo_and_each_change_of_it(self, stack: Store) -> None:
        assert self.last_input(stack) is None
        todo = new_todo(STACK, "plant", 3, NOW)
        stack.write(lambda writer: add_todo(writer, todo))
        assert self.last_input(stack) == NOW
        stack.write(lambda writer: edit_todo(writer, STACK, todo.id, "sow", None, NOW + 1))
        assert self.last_input(stack) == NOW + 1
        stack.write(lambda writer: edit_todo(writer, STACK, todo.id, "sow", 3, NOW + 2))
        stack.write(lambda writer: add_todo(writer, todo.but(created_at=NOW + 2)))
        assert self.last_input(stack) == NOW + 1, "nothing has changed"
        stack.write(lambda writer: cancel_todo(writer, STACK, todo.id, NOW + 3))
        assert self.last_input(stack) == NOW + 3

    def test_is_a_message_or_an_idea_or_a_setting(self, stack: Store) -> None:
        say(stack)
        assert self.last_input(stack) == NOW
        stack.write(lambda writer: set_idea(writer, new_idea(STACK, "a pond", NOW + 1), NOW + 1))
        assert self.last_input(stack) == NOW + 1
        stack.write(lambda writer: configure_stack(writer, STACK, {"pause": {"after_work": 2}}, NOW + 2))
        assert self.last_input(stack) == NOW + 2

    def test_is_not_what_another_team_wrote(self, stack: Store) -> None:
        sender = make_stack(id=OTHER, name="orchard")
        stack.write(lambda writer: add_message(writer, new_message(sender, STACK, "hello", NOW)))
        stack.write(lambda writer: add_message(writer, new_message(sender, None, "hello", NOW)))
        assert self.last_input(stack) is None
