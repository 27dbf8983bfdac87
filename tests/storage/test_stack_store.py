"""What an owner writes it finds again when it wakes, and of a stack that is deleted nothing stays."""

from random import Random
from typing import Any

import pytest

from recursor.domain.approval import Approval
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.message import Message, UserMessage
from recursor.domain.record import Record
from recursor.domain.spending import Account, Reservation, Spend
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.workspace import CommitProposal, Workspace
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.writes import Writes
from recursor.storage import stack_store
from recursor.storage.commit import RETIRED, Commit, Fence
from recursor.storage.errors import CorruptRecordError, FencedError
from recursor.storage.rollups import count_execution
from recursor.storage.stack_names import find_stack, is_called
from recursor.storage.stack_store import (
    Loader,
    as_commit,
    delete_stack,
    find_records,
    senders,
    sent_messages,
    take_snapshot,
)
from recursor.storage.store import Store
from recursor.storage.tables import (
    ACCOUNTS,
    ALL_STACKS,
    BROADCASTS,
    EXECUTIONS,
    FENCES,
    GRAPHS,
    MESSAGES,
    OUTBOX,
    RESERVATIONS,
    STACKS,
    TODOS,
    WORK,
)
from tests.making import (
    NOW,
    ROLES,
    STACK,
    make_artifact,
    make_graph,
    make_idea,
    make_message,
    make_node,
    make_report,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import make_records
from tests.storage.writing import create, damage, everything, put, write
from tests.strategies import make_record

OTHER = "0ther00000000002"
FENCE = Fence(STACK, 1)


def load(store: Store, stack_id: str = STACK) -> tuple[StackRecords, str | None]:
    """Return what the owner of a stack finds, and what is damaged of it."""
    with store.read() as reader:
        loader = Loader(reader, stack_id)
        return loader.records(), loader.damage


def ids(records: Any) -> list[int]:
    return [int(record.id) for record in records]


def make_execution(**fields: Any) -> OrchestratorExecution:
    return OrchestratorExecution(
        **{"id": f"{1:032}", "stack_id": STACK, "number": 1, "epoch": 0, "started_at": NOW, **fields}
    )


class TestLoading:
    def test_of_a_new_stack_finds_nothing_but_itself(self, database: Store) -> None:
        put(database, make_stack())
        assert load(database) == (make_records(idea=None), None)

    def test_of_what_is_not_there_says_so(self, database: Store) -> None:
        with pytest.raises(NotFoundError, match="no stack lost"):
            load(database, "lost")

    def test_finds_everything_of_the_stack_and_nothing_of_others(self, database: Store) -> None:
        records = make_records(
            stack=make_stack(current_execution_id=f"{1:032}"),
            todos=[make_todo(n, status=list(TodoStatus)[n % 4]) for n in range(8)],
            user_messages=[
                make_user_message(n, answered_at=NOW if n % 2 else None, planned_at=NOW if n % 3 else None)
                for n in range(8)
            ],
            messages=[make_message(3), make_message(5)],
            broadcasts=[make_message(6, to_stack_id=None)],
            artifact=make_artifact(11),
            states=[make_state("planner", NOW - 5), make_state("builder")],
            execution=make_execution(),
            graph=make_graph([make_node("planner")]),
            report=make_report(),
            outbox=[make_message(7, from_stack_id=STACK, to_stack_id=OTHER)],
        )
        database.write(as_commit(records.stack, _writes_of(records), None))
        put(
            database,
            make_artifact(2),
            make_message(4, read_at=NOW),
            make_message(1, to_stack_id=None, from_stack_id=STACK),
        )
        put(
            database,
            make_stack(id=OTHER),
            make_todo(99, stack_id=OTHER),
            make_user_message(99, stack_id=OTHER),
            make_artifact(99, stack_id=OTHER),
            make_message(9, to_stack_id=OTHER, from_stack_id=STACK),
            make_state("planner", NOW, stack_id=OTHER),
        )
        assert load(database) == (records, None)

    def test_of_closed_records_finds_the_newest(
        self, database: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stack_store, "MAX_CLOSED_TODOS", 2)
        monkeypatch.setattr(stack_store, "MAX_UNPLANNED", 2)
        monkeypatch.setattr(stack_store, "MAX_PAST_USER_MESSAGES", 1)
        put(database, make_stack(), *(make_todo(n) for n in (0, 9)))
        put(database, *(make_todo(n, status=TodoStatus.COMPLETED) for n in range(1, 6)))
        put(database, *(make_user_message(n) for n in range(10, 14)))
        put(database, *(make_user_message(n, answered_at=NOW) for n in range(20, 24)))
        put(database, *(make_user_message(n, answered_at=NOW, planned_at=NOW) for n in range(30, 34)))
        records, _ = load(database)
        assert ids(records.todos) == [0, 4, 5, 9]
        assert ids(records.user_messages) == [10, 11, 12, 13, 22, 23, 33]

    def test_finds_broadcasts_of_others_after_the_place_of_the_stack(self, database: Store) -> None:
        put(database, make_stack(broadcasts_read=f"{2:032}"))
        put(database, *(make_message(n, to_stack_id=None) for n in range(1, 5)))
        put(database, make_message(5, to_stack_id=None, from_stack_id=STACK))
        assert ids(load(database)[0].broadcasts) == [3, 4]

    def test_passes_over_a_broadcast_that_cannot_be_read(
        self, database: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(database, make_stack(), *(make_message(n, to_stack_id=None) for n in range(1, 4)))
        key = f"{BROADCASTS}/0/{2:032}"
        damage(database, MESSAGES.name, key)
        records, found = load(database)
        assert (ids(records.broadcasts), found) == ([1, 3], None)
        assert key in caplog.text

    @pytest.mark.parametrize(
        ("table", "key"),
        [
            (MESSAGES.name, f"{STACK}/0/{2:032}"),
            (TODOS.name, f"{STACK}/0/{2:032}"),
            (OUTBOX, f"{STACK}/{2:032}"),
            ("project_ideas", STACK),
            ("agent_states", f"{STACK}/planner"),
            ("artifacts", f"{STACK}/00000007"),
        ],
    )
    def test_names_the_first_record_that_cannot_be_read(self, database: Store, table: str, key: str) -> None:
        put(database, make_stack())
        damage(database, table, key)
        records, found = load(database)
        assert records.stack == make_stack()
        assert found is not None
        assert key in found
        with database.read() as reader, pytest.raises(CorruptRecordError, match=key):
            take_snapshot(reader, STACK, dict.fromkeys(ROLES), NOW)

    @pytest.mark.parametrize("value", [b"\xc1", b"\xff" * 8, b""])
    def test_makes_a_work_status_that_cannot_be_read_anew(self, database: Store, value: bytes) -> None:
        put(database, make_stack())
        damage(database, WORK.name, STACK, value)
        records, found = load(database)
        assert (records.report, found) == (None, None)

    @pytest.mark.parametrize("table", [EXECUTIONS, GRAPHS])
    @pytest.mark.parametrize("how", ["missing", "damaged"])
    def test_names_a_cycle_that_cannot_be_read(self, database: Store, table: Any, how: str) -> None:
        put(database, make_stack(current_execution_id=f"{1:032}"), make_execution(), make_graph())
        if how == "damaged":
            damage(database, table.name, f"{STACK}/{1:032}")
        else:
            write(database, lambda commit: table.delete(commit, STACK, f"{1:032}"))
        records, found = load(database)
        assert found is not None
        assert f"{1:032}" in found
        assert records.graph is None
        # It can still be cancelled.
        assert (records.execution is not None) is (table is GRAPHS)


def _writes_of(records: StackRecords) -> Writes:
    """Return what writes all of some records."""
    writes = Writes()
    for record in (records.stack, records.idea, records.report):
        if record is not None:
            writes.put("", record)
    for part in (records.execution, records.graph):
        if part is not None:
            writes.put(part.id, part)
    for kept in (*records.todos, *records.user_messages, *records.messages, *records.broadcasts):
        writes.put(kept.id, kept)
    for state in records.states.values():
        writes.put(state.role, state)
    if records.artifact is not None:
        writes.put(f"{records.artifact.number:08}", records.artifact)
    writes.sent = {message.id: message for message in records.outbox}
    return writes


class TestFinding:
    def test_finds_closed_and_read_records_by_their_ids(self, database: Store) -> None:
        closed = make_todo(1, status=TodoStatus.COMPLETED)
        answered = make_user_message(2, answered_at=NOW, planned_at=NOW)
        read, broadcast = make_message(3, read_at=NOW), make_message(4, to_stack_id=None)
        put(database, make_stack(), make_stack(id=OTHER), closed, answered, read, broadcast)
        named: list[tuple[type[Record], str]] = [
            (Todo, closed.id),
            (UserMessage, answered.id),
            (Message, read.id),
            (Message, broadcast.id),
            (Stack, OTHER),
        ]
        with database.read() as reader:
            found = find_records(reader, STACK, named)
        assert dict(found) == dict(
            zip(named, (closed, answered, read, broadcast, make_stack(id=OTHER)), strict=True)
        )

    @pytest.mark.parametrize("key", ["lost", "", "x" * 600, "\udcff", f"{1:032}"])
    def test_passes_over_what_is_not_there_or_cannot_be_read(self, database: Store, key: str) -> None:
        put(database, make_stack(), make_todo(1, stack_id=OTHER))
        damage(database, TODOS.name, f"{STACK}/0/{1:032}")
        with database.read() as reader:
            for kind in (Todo, UserMessage, Message, Stack):
                assert find_records(reader, STACK, [(kind, key)]) == {}


class TestOutbox:
    def test_keeps_messages_until_they_have_arrived(self, database: Store) -> None:
        messages = [make_message(n, from_stack_id=STACK, to_stack_id=None) for n in (1, 2)]
        writes = Writes()
        writes.sent = {message.id: message for message in messages}
        database.write(as_commit(make_stack(), writes, FENCE))
        with database.read() as reader:
            assert list(sent_messages(reader, STACK)) == messages
            assert list(senders(reader)) == [STACK]
        later = Writes()
        later.arrive(f"{1:032}")
        database.write(as_commit(make_stack(), later, FENCE))
        with database.read() as reader:
            assert list(sent_messages(reader, STACK)) == messages[1:]


class TestNames:
    def rename(self, store: Store, before: Stack | None, after: Stack) -> None:
        writes = Writes()
        writes.put("", after)
        writes.renamed = (before, after)
        store.write(as_commit(after, writes, FENCE))

    def find(self, store: Store, named: str) -> str:
        with store.read() as reader:
            return find_stack(reader, named)

    def test_a_stack_is_found_by_its_new_name_alone(self, database: Store) -> None:
        garden, yard = make_stack(name="Garden"), make_stack(name="Yard")
        self.rename(database, None, garden)
        assert self.find(database, "garden") == STACK
        self.rename(database, garden, yard)
        assert self.find(database, "yard") == STACK
        with pytest.raises(NotFoundError):
            self.find(database, "garden")
        self.rename(database, yard, make_stack(name="YARD"))
        assert self.find(database, "yard") == STACK

    def test_another_of_that_name_is_known_of_however_it_is_written(self, database: Store) -> None:
        self.rename(database, None, make_stack(name="Garden"))
        with database.read() as reader:
            assert is_called(reader, " gARDEN")
            assert not is_called(reader, "garden", besides=STACK)
            assert not is_called(reader, "gard")
            assert not is_called(reader, "\ud800")


@pytest.mark.parametrize("what", [{"n": 2**70}, {"half": "\ud800"}])
def test_what_cannot_be_stored_is_found_before_anything_is(what: Any) -> None:
    writes = Writes()
    writes.put(f"{1:032}", make_todo(1))
    writes.put(f"{2:032}", make_todo(2).but(metadata=what))
    with pytest.raises(InvalidInputError, match="cannot be stored"):
        as_commit(make_stack(), writes, FENCE)


def fill(store: Store, stack_id: str) -> None:
    """Give a stack something in every table, under its fence."""
    trace = Trace(
        id="1", stack_id=stack_id, execution_id="1", role="planner", created_at=NOW, summary="was here"
    )
    ended = make_execution(stack_id=stack_id, finished_at=NOW, status=ExecutionStatus.COMPLETED)
    create(store, make_stack(id=stack_id, name=f"name of {stack_id}"))
    put(
        store,
        make_idea(stack_id=stack_id),
        make_report(stack_id=stack_id),
        ended,
        make_graph(stack_id=stack_id),
        make_artifact(1, stack_id=stack_id),
        make_state("planner", stack_id=stack_id),
        make_record(Workspace, Random(1)).but(stack_id=stack_id),
        make_record(CommitProposal, Random(1)).but(stack_id=stack_id),
        make_record(Approval, Random(1)).but(stack_id=stack_id),
        trace,
        make_user_message(2, stack_id=stack_id, answered_at=NOW, planned_at=NOW),
    )
    for number, status in enumerate(("pending", "completed")):
        at = NOW if number else None
        put(
            store,
            make_todo(number, stack_id=stack_id, status=status),
            make_user_message(number, stack_id=stack_id, answered_at=at),
            make_message(number, to_stack_id=stack_id, read_at=at),
        )
    message = make_message(9, from_stack_id=stack_id, to_stack_id=None)
    under_way = Reservation(id="1", stack_id=OTHER, role="planner", most=Spend(tokens=10), made_at=NOW)
    writes = Writes()
    writes.sent = {message.id: message}
    store.write(as_commit(make_stack(id=stack_id), writes, Fence(stack_id, 1)))
    write(
        store,
        lambda commit: count_execution(commit, ended, None),
        lambda commit: ACCOUNTS.put(commit, Account(stack_id=stack_id, role="planner")),
        # One that is under way belongs to the books of all stacks until it is settled.
        lambda commit: RESERVATIONS.put(commit, under_way),
    )


class TestDeleting:
    @pytest.fixture
    def two(self, database: Store) -> Store:
        for stack_id in (STACK, OTHER):
            fill(database, stack_id)
        return database

    def delete(self, store: Store, name: str | None = f"name of {STACK}") -> None:
        writes = Writes()
        writes.deleted = True
        if name is not None:
            store.write(as_commit(make_stack(name=name), writes, FENCE))
            return
        commit = Commit(FENCE)
        with store.read() as reader:
            delete_stack(commit, STACK, None, reader)
        store.write(commit)

    def test_leaves_no_byte_of_it_anywhere_but_for_its_fence(self, two: Store) -> None:
        tables = everything(two)
        assert all(tables.values()), "this test must put something into every table"
        self.delete(two)
        for table, pairs in everything(two).items():
            for key, value in pairs.items():
                if (table, key) != (FENCES, STACK.encode()):
                    assert STACK.encode() not in key + value
        assert everything(two)[FENCES][STACK.encode()] == RETIRED

    def test_touches_nothing_of_others(self, two: Store) -> None:
        before = everything(two)
        self.delete(two)
        mark = OTHER.encode()
        expected = {
            table: {
                key: value
                for key, value in pairs.items()
                # What deleted stacks did stays counted.
                if mark in key or mark in value or key.split(b"/")[0] == ALL_STACKS.encode()
            }
            for table, pairs in before.items()
        }
        after = everything(two)
        del after[FENCES][STACK.encode()]
        assert after == expected

    def test_of_one_that_cannot_be_read_works_too(self, two: Store) -> None:
        damage(two, STACKS.name, STACK)
        self.delete(two, name=None)
        left = [key for table, pairs in everything(two).items() for key in pairs if table != FENCES]
        assert not [key for key in left if STACK.encode() in key]
        with two.read() as reader:
            assert find_stack(reader, OTHER) == OTHER

    def test_refuses_what_its_owner_may_still_write(self, two: Store) -> None:
        self.delete(two)
        late = Writes()
        late.put(f"{1:032}", make_todo(1))
        with pytest.raises(FencedError):
            two.write(as_commit(make_stack(), late, FENCE))
        assert not [key for key in everything(two)[TODOS.name] if STACK.encode() in key]

    def test_writes_nothing_else_that_was_to_be_written(self, two: Store) -> None:
        writes = Writes()
        writes.put(f"{9:032}", make_todo(9))
        writes.ended += ((make_execution(finished_at=NOW + 9, status=ExecutionStatus.CANCELLED), None),)
        writes.deleted = True
        two.write(as_commit(make_stack(name=f"name of {STACK}"), writes, FENCE))
        assert all(STACK.encode() not in key for key in everything(two)[TODOS.name])

    def test_the_name_can_be_used_again(self, two: Store) -> None:
        self.delete(two)
        create(two, make_stack(id="f" * 16, name=f"name of {STACK}"))
        with two.read() as reader:
            assert find_stack(reader, f"name of {STACK}") == "f" * 16
