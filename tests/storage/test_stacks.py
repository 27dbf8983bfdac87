"""Stacks as a whole: made, found by what a person types, steered, configured, and deleted without a trace."""

from collections.abc import Iterator
from typing import Any

import pytest

from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.spending import Spend
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.trace import Trace
from recursor.storage.errors import CorruptRecordError
from recursor.storage.ledger import Budgets, reserve, settle
from recursor.storage.nudges import leave_nudge
from recursor.storage.queries import orchestration_stats
from recursor.storage.revisions import read_revision
from recursor.storage.rollups import count_execution
from recursor.storage.stack_names import find_stack, is_called
from recursor.storage.stacks import (
    configure_stack,
    control_stack,
    create_stack,
    delete_stack,
    new_idea,
    new_stack,
    read_stack,
    rename_stack,
    set_idea,
)
from recursor.storage.store import Store
from recursor.storage.tables import (
    ARTIFACTS,
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    MESSAGES,
    STACKS,
    STATES,
    TABLES,
    TODOS,
    TRACES,
    USER_MESSAGES,
    WORK,
)
from tests.making import (
    NOW,
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

OTHER = "0ther00000000002"


def create(store: Store, *stacks: Stack) -> None:
    for stack in stacks:
        store.write(lambda writer, stack=stack: create_stack(writer, stack))


def everything(store: Store) -> dict[str, dict[bytes, bytes]]:
    with store.read() as reader:
        return {table: dict(reader.scan(table)) for table in TABLES}


def find(store: Store, named: str) -> str:
    with store.read() as reader:
        return find_stack(reader, named)


def read(store: Store, stack_id: str = STACK) -> Stack:
    with store.read() as reader:
        return read_stack(reader, stack_id)


def make_execution(**fields: Any) -> OrchestratorExecution:
    return OrchestratorExecution(
        **{"id": f"{1:032}", "stack_id": STACK, "number": 1, "epoch": 0, "started_at": NOW, **fields}
    )


class TestMaking:
    def test_stores_the_stack_and_its_idea(self, database: Store) -> None:
        stack = new_stack("garden", NOW, {"pause": {"after_work": 2}})
        idea = new_idea(stack.id, "beds", NOW)
        assert database.write(lambda writer: create_stack(writer, stack, idea)) == stack
        assert read(database, stack.id) == stack
        assert stack.state is ExecutionState.IDLE
        with database.read() as reader:
            assert IDEAS.get(reader, stack.id) == idea
            assert read_revision(reader, stack.id)[0] == 1

    def test_twice_is_once(self, database: Store) -> None:
        create(database, make_stack(total_cycles=5))
        before = everything(database)
        again = database.write(lambda writer: create_stack(writer, make_stack(name="other"), make_idea()))
        assert again == make_stack(total_cycles=5)
        assert everything(database) == before

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda: new_stack("", NOW), "stack: name: "),
            (lambda: new_stack("x" * 201, NOW), "stack: name: "),
            (lambda: new_stack("two\nlines", NOW), "stack: name: has characters that are not allowed here"),
            (
                lambda: new_stack("a", NOW, {"puase": {}}),
                "settings: unknown key 'puase'; did you mean pause?",
            ),
            (lambda: new_stack("a", NOW, {"pause": {"after_work": -1}}), "settings.pause: after_work: "),
            (lambda: new_idea(STACK, " ", NOW), "project idea: idea: "),
            (lambda: new_idea(STACK, "x" * 20_001, NOW), "project idea: idea: "),
        ],
    )
    def test_of_nonsense_is_refused_in_one_line(self, make: Any, text: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            make()
        assert str(caught.value).startswith(text)
        assert len(str(caught.value).splitlines()) == 1

    def test_of_what_cannot_be_stored_writes_nothing(self, database: Store) -> None:
        before = everything(database)
        stack = new_stack("garden", NOW, {"pause": {"failures_allowed": 10**30}})
        with pytest.raises(InvalidInputError, match="more than 64 bits"):
            create(database, stack)
        assert everything(database) == before

    def test_an_idea_is_news(self, database: Store) -> None:
        create(database, make_stack())
        given = database.write(lambda writer: set_idea(writer, new_idea(STACK, "a pond", NOW - 1), NOW))
        assert given == new_idea(STACK, "a pond", NOW)
        assert read(database).next_look_at == NOW
        with database.read() as reader:
            assert IDEAS.get(reader, STACK) == given
            assert read_revision(reader, STACK)[0] == 2

    def test_of_another_idea_only_the_words_change(self, database: Store) -> None:
        plan = {"title": "Garden", "description": "beds", "features": ("beds", "paths")}
        planned = make_idea(**plan, updated_at=NOW - 9, updated_by="planner")
        database.write(lambda writer: create_stack(writer, make_stack(), planned))
        changed = database.write(lambda writer: set_idea(writer, new_idea(STACK, "a pond", NOW), NOW))
        assert changed == make_idea(**plan, idea="a pond", updated_at=NOW, updated_by="user")
        assert read(database).next_look_at == NOW
        with database.read() as reader:
            assert IDEAS.get(reader, STACK) == changed
            assert read_revision(reader, STACK)[0] == 2

    def test_the_same_idea_once_more_is_no_news(self, database: Store) -> None:
        known = make_idea(title="Garden", updated_by="planner")
        database.write(lambda writer: create_stack(writer, make_stack(), known))
        before = everything(database)
        again = new_idea(STACK, f" {known.idea}\n", NOW)
        assert database.write(lambda writer: set_idea(writer, again, NOW)) == known
        assert everything(database) == before

    def test_an_idea_for_nobody_is_refused(self, database: Store) -> None:
        before = everything(database)
        with pytest.raises(NotFoundError):
            database.write(lambda writer: set_idea(writer, make_idea(), NOW))
        assert everything(database) == before


class TestControl:
    @pytest.fixture
    def running(self, database: Store) -> Iterator[Store]:
        """A stack in its second wave: the planner has run, the builder is running, the reviewer waits."""
        create(database, make_stack(current_execution_id=f"{1:032}", total_cycles=3))
        nodes = [
            make_node(
                "planner", status=NodeStatus.COMPLETED, attempts=1, started_at=NOW, finished_at=NOW + 2
            ),
            make_node("builder", wave=1, status=NodeStatus.RUNNING, attempts=1, started_at=NOW + 2),
            make_node("reviewer", wave=2),
        ]
        database.write(lambda writer: EXECUTIONS.add(writer, make_execution()))
        database.write(lambda writer: GRAPHS.add(writer, make_graph(nodes)))
        return database

    def control(
        self, store: Store, command: Command, now: float = NOW + 5, reason: str | None = None
    ) -> Stack:
        return store.write(lambda writer: control_stack(writer, STACK, command, now, reason))

    def test_is_stored_and_raises_the_revision(self, running: Store) -> None:
        with running.read() as reader:
            before = read_revision(reader, STACK)
        after = self.control(running, Command.PAUSE, reason="maintenance")
        assert after == read(running)
        assert (after.state, after.state_reason) == (ExecutionState.PAUSED, "maintenance")
        assert after.current_execution_id == f"{1:032}"
        with running.read() as reader:
            assert read_revision(reader, STACK)[0] == before[0] + 1

    def test_of_what_is_so_already_writes_nothing(self, running: Store) -> None:
        before = everything(running)
        assert self.control(running, Command.RESUME) == read(running)
        assert everything(running) == before

    def test_that_is_refused_writes_nothing(self, database: Store) -> None:
        create(database, make_stack(state="stopped"))
        before = everything(database)
        with pytest.raises(ConflictError):
            self.control(database, Command.RESUME)
        with pytest.raises(NotFoundError):
            database.write(lambda writer: control_stack(writer, "lost", Command.START, NOW))
        assert everything(database) == before

    def test_a_stop_cancels_the_cycle_and_counts_it(self, running: Store) -> None:
        after = self.control(running, Command.STOP)
        assert (after.current_execution_id, after.last_activity_at, after.epoch) == (None, NOW + 5, 1)
        with running.read() as reader:
            execution = EXECUTIONS.get(reader, STACK, f"{1:032}")
            graph = GRAPHS.get(reader, STACK, f"{1:032}")
            stats = orchestration_stats(reader, STACK, NOW, NOW + 60)
        assert execution is not None
        assert graph is not None
        assert (execution.status, execution.finished_at) == (ExecutionStatus.CANCELLED, NOW + 5)
        assert execution.error == "the stack was stopped"
        assert execution.summary is not None
        assert execution.summary.agents_run == 1
        assert [(node.role, node.status, node.note) for node in graph.nodes] == [
            ("planner", NodeStatus.COMPLETED, None),
            ("builder", NodeStatus.CANCELLED, "the stack was stopped"),
            ("reviewer", NodeStatus.CANCELLED, "the stack was stopped"),
        ]
        assert (stats.cycles, stats.cancelled, stats.agents_run) == (1, 1, 1)

    @pytest.mark.parametrize("table", [EXECUTIONS, GRAPHS])
    def test_a_stop_gets_past_a_damaged_cycle(self, running: Store, table: Any) -> None:
        key = f"{STACK}/{1:032}".encode()
        running.write(lambda writer: writer.put(table.name, key, b"\xc1"))
        assert self.control(running, Command.STOP).state is ExecutionState.STOPPED
        assert self.control(running, Command.START).total_cycles == 0


class TestConfiguring:
    def configure(self, store: Store, changes: Any) -> Any:
        return store.write(lambda writer: configure_stack(writer, STACK, changes, NOW)).settings

    def test_adds_replaces_and_takes_back(self, database: Store) -> None:
        create(database, make_stack())
        assert self.configure(database, {"pause": {"after_work": 2}}) == {"pause": {"after_work": 2}}
        more = {"pause": {"between_looks": 9}, "limits": {"node_seconds": 5}}
        assert self.configure(database, more) == {
            "pause": {"after_work": 2, "between_looks": 9},
            "limits": {"node_seconds": 5},
        }
        back = {"pause": {"after_work": None}, "limits": {"node_seconds": None, "outcome_bytes": None}}
        assert self.configure(database, back) == {"pause": {"between_looks": 9}}
        assert read(database).settings == {"pause": {"between_looks": 9}}
        with database.read() as reader:
            assert read_revision(reader, STACK)[0] == 4

    @pytest.mark.parametrize(
        "changes",
        [
            {"puase": {"after_work": 1}},
            {"pause": {"after": 1}},
            {"pause": {"after": None}},
            {"nothing": {}},
            {"pause": 5},
            {"pause": None},
            {"pause": {"after_work": -1}},
            {"pause": {"after_work": 1, "between_looks": "soon"}},
            {"pause": {"failures_allowed": 10**30}},
        ],
    )
    def test_refuses_nonsense_and_changes_nothing(self, database: Store, changes: Any) -> None:
        create(database, make_stack(settings={"pause": {"after_work": 2}}))
        before = everything(database)
        with pytest.raises(InvalidInputError) as caught:
            self.configure(database, changes)
        assert len(str(caught.value).splitlines()) == 1
        assert everything(database) == before


class TestRenaming:
    def rename(self, store: Store, name: str) -> Any:
        return store.write(lambda writer: rename_stack(writer, STACK, name))

    def test_it_is_found_by_its_new_name_alone(self, database: Store) -> None:
        create(database, make_stack(name="Garden"))
        assert self.rename(database, " Yard ").name == "Yard"
        assert read(database).name == "Yard"
        assert find(database, "yard") == STACK
        with pytest.raises(NotFoundError):
            find(database, "garden")
        assert self.rename(database, "YARD").name == "YARD"
        assert find(database, "yard") == STACK

    def test_another_of_that_name_is_known_of_however_it_is_written(self, database: Store) -> None:
        create(database, make_stack(name="Garden"))
        with database.read() as reader:
            assert is_called(reader, " gARDEN")
            assert not is_called(reader, "garden", besides=STACK)
            assert not is_called(reader, "gard")
            assert not is_called(reader, "\ud800")

    def test_nothing_of_it_is_left_when_it_is_deleted(self, database: Store) -> None:
        before = everything(database)
        create(database, make_stack(name="Garden"))
        self.rename(database, "Yard")
        database.write(lambda writer: delete_stack(writer, STACK))
        assert everything(database) == before

    @pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "\ud800"])
    def test_what_is_no_name_changes_nothing(self, database: Store, name: str) -> None:
        create(database, make_stack(name="Garden"))
        before = everything(database)
        with pytest.raises(InvalidInputError) as caught:
            self.rename(database, name)
        assert len(str(caught.value).splitlines()) == 1
        assert everything(database) == before


def fill(writer: Any, stack_id: str) -> None:
    """Give a stack something in every table."""
    create_stack(writer, make_stack(id=stack_id, name=f"name of {stack_id}"), make_idea(stack_id=stack_id))
    WORK.put(writer, make_report(stack_id=stack_id))
    EXECUTIONS.put(writer, make_execution(stack_id=stack_id))
    GRAPHS.put(writer, make_graph(stack_id=stack_id))
    ARTIFACTS.put(writer, make_artifact(1, stack_id=stack_id))
    STATES.put(writer, make_state("planner", stack_id=stack_id))
    trace = Trace(
        id="1", stack_id=stack_id, execution_id="1", role="planner", created_at=NOW, summary="was here"
    )
    TRACES.put(writer, trace)
    for number, status in enumerate(("pending", "completed")):
        TODOS.put(writer, make_todo(number, stack_id=stack_id, status=status))
        at = NOW if number else None
        USER_MESSAGES.put(writer, make_user_message(number, stack_id=stack_id, answered_at=at))
        MESSAGES.put(writer, make_message(number, to_stack_id=stack_id, read_at=at))
    USER_MESSAGES.put(writer, make_user_message(2, stack_id=stack_id, answered_at=NOW, planned_at=NOW))
    count_execution(
        writer,
        make_execution(stack_id=stack_id, finished_at=NOW, status=ExecutionStatus.COMPLETED),
        None,
    )
    leave_nudge(writer, stack_id)
    call = reserve(writer, stack_id, "planner", Budgets(), Spend(tokens=10), NOW)
    if stack_id == STACK:
        # One that is under way belongs to the books of all stacks until it is settled.
        settle(writer, call, Spend(tokens=5))


class TestDeleting:
    @pytest.fixture
    def two(self, database: Store) -> Store:
        for stack_id in (STACK, OTHER):
            database.write(lambda writer, stack_id=stack_id: fill(writer, stack_id))
        return database

    def test_leaves_no_byte_of_it_anywhere(self, two: Store) -> None:
        tables = everything(two)
        assert all(tables.values()), "this test must put something into every table"
        two.write(lambda writer: delete_stack(writer, STACK))
        for pairs in everything(two).values():
            for key, value in pairs.items():
                assert STACK.encode() not in key + value

    def test_touches_nothing_of_others(self, two: Store) -> None:
        before = everything(two)
        two.write(lambda writer: delete_stack(writer, STACK))
        mark = OTHER.encode()
        expected = {
            table: {
                key: value
                for key, value in pairs.items()
                # What deleted stacks did stays counted.
                if mark in key or mark in value or key.split(b"/")[0] == b"all"
            }
            for table, pairs in before.items()
        }
        assert everything(two) == expected

    def test_of_one_that_cannot_be_read_works_too(self, two: Store) -> None:
        two.write(lambda writer: writer.put(STACKS.name, STACK.encode(), b"\xc1"))
        with pytest.raises(CorruptRecordError):
            read(two)
        two.write(lambda writer: delete_stack(writer, STACK))
        assert all(STACK.encode() not in key for pairs in everything(two).values() for key in pairs)
        assert find(two, OTHER) == OTHER

    def test_of_what_is_not_there_is_refused(self, two: Store) -> None:
        before = everything(two)
        for stack_id in ("lost", "all", "", "x" * 600):
            with pytest.raises(NotFoundError):
                two.write(lambda writer, stack_id=stack_id: delete_stack(writer, stack_id))
        assert everything(two) == before

    def test_the_name_can_be_used_again(self, two: Store) -> None:
        two.write(lambda writer: delete_stack(writer, STACK))
        create(two, make_stack(id="f" * 16, name=f"name of {STACK}"))
        assert find(two, f"name of {STACK}") == "f" * 16
