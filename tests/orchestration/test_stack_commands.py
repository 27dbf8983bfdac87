"""What people, visitors and other stacks tell a stack: done once, noted as news, or refused."""

from collections.abc import Callable
from typing import Any

import pytest

from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    Command,
    ConfigureStack,
    ControlStack,
    CreateStack,
    EditTodo,
    RenameStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.message import Message
from recursor.domain.new_records import new_idea, new_message, new_stack, new_todo, new_user_message
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.orchestration.draft import Draft
from recursor.orchestration.stack_commands import COMMANDS, configure, create, named_by_command, steer
from tests.making import NOW, STACK, make_graph, make_idea, make_message, make_node, make_stack, make_todo
from tests.orchestration.desk import Desk, make_records

OTHER = "5eed000000000002"
CYCLE = f"{1:032}"


@pytest.fixture
def desk() -> Desk:
    return Desk(make_records(stack=make_stack(next_look_at=NOW + 20)))


def do(desk: Desk, command: Any, now: float = NOW) -> Any:
    """Carry out a command that is in the table."""
    return desk.do(COMMANDS[type(command)], command, now)


def changes_nothing(desk: Desk, act: Callable[[], Any]) -> Any:
    """Do what `act` does, and see that it changes nothing and has nothing written."""
    before, copy = desk.records, desk.records.copy()
    answer = act()
    assert not desk.writes
    assert desk.records is before
    assert desk.records == copy
    return answer


class TestMaking:
    def new(self, stack: Stack) -> Desk:
        return Desk(make_records(stack=stack, idea=None))

    def test_stores_the_stack_under_its_name_and_its_idea(self) -> None:
        stack = new_stack("garden", NOW, {"pause": {"after_work": 2}})
        idea, desk = new_idea(stack.id, "beds", NOW), self.new(stack)
        assert desk.do(create, CreateStack(stack, idea)) == stack
        assert stack.state is ExecutionState.IDLE
        assert desk.records.idea == idea
        assert list(desk.writes) == [stack, idea]
        assert desk.writes.renamed == (None, stack)

    def test_may_start_it(self) -> None:
        stack = new_stack("garden", NOW)
        desk = self.new(stack)
        made = desk.do(create, CreateStack(stack, start=True), NOW + 1)
        assert (made.state, made.started_at) == (ExecutionState.RUNNING, NOW + 1)
        assert desk.written(Stack) == [made]


class TestIdea:
    def give(self, desk: Desk, text: str) -> Any:
        return do(desk, SetIdea(new_idea(STACK, text, NOW - 1)))

    def test_is_news(self) -> None:
        desk = Desk(make_records(idea=None, stack=make_stack(next_look_at=NOW + 20)))
        assert self.give(desk, "a pond") == new_idea(STACK, "a pond", NOW)
        assert desk.records.idea == new_idea(STACK, "a pond", NOW)
        assert desk.records.stack.next_look_at == NOW

    def test_of_another_one_only_the_words_change(self, desk: Desk) -> None:
        plan = {"title": "Garden", "description": "beds", "features": ("beds", "paths")}
        desk.records.idea = make_idea(**plan, updated_at=NOW - 9, updated_by="planner")
        changed = self.give(desk, "a pond")
        assert changed == make_idea(**plan, idea="a pond", updated_at=NOW, updated_by="user")
        assert desk.records.idea == changed
        assert desk.records.stack.next_look_at == NOW

    def test_once_more_is_no_news(self, desk: Desk) -> None:
        known = desk.records.idea = make_idea(title="Garden", updated_by="planner")
        again = f" {known.idea}\n"
        assert changes_nothing(desk, lambda: self.give(desk, again)) == known


class TestControl:
    @pytest.fixture
    def running(self) -> Desk:
        """A stack in its second wave: the planner has run, the builder is running, the reviewer waits."""
        nodes = [
            make_node(
                "planner", status=NodeStatus.COMPLETED, attempts=1, started_at=NOW, finished_at=NOW + 2
            ),
            make_node("builder", wave=1, status=NodeStatus.RUNNING, attempts=1, started_at=NOW + 2),
            make_node("reviewer", wave=2),
        ]
        execution = OrchestratorExecution(id=CYCLE, stack_id=STACK, number=1, epoch=0, started_at=NOW)
        stack = make_stack(current_execution_id=CYCLE, total_cycles=3)
        return Desk(make_records(stack=stack, execution=execution, graph=make_graph(nodes)))

    def control(self, desk: Desk, command: Command, reason: str | None = None) -> Stack:
        found: Stack = do(desk, ControlStack(STACK, command, reason), NOW + 5)
        return found

    def test_is_noted_and_seen_by_agents(self, running: Desk) -> None:
        before = running.records.changes
        stack = self.control(running, Command.PAUSE, reason="maintenance")
        assert stack == running.records.stack
        assert (stack.state, stack.state_reason) == (ExecutionState.PAUSED, "maintenance")
        # The cycle goes on after a resume.
        assert stack.current_execution_id == CYCLE
        assert running.records.graph is not None
        assert running.records.changes == before + 1

    def test_of_what_is_so_already_changes_nothing(self, running: Desk) -> None:
        stack = running.records.stack
        assert changes_nothing(running, lambda: self.control(running, Command.RESUME)) == stack

    def test_that_is_refused_changes_nothing(self) -> None:
        desk = Desk(make_records(stack=make_stack(state="stopped")))
        with pytest.raises(ConflictError):
            self.control(desk, Command.RESUME)

    def test_a_stop_cancels_the_cycle_and_counts_it(self, running: Desk) -> None:
        stack = self.control(running, Command.STOP)
        assert (stack.current_execution_id, stack.last_activity_at, stack.epoch) == (None, NOW + 5, 1)
        assert (running.records.execution, running.records.graph) == (None, None)
        ((execution, graph),) = running.writes.ended
        assert running.written(OrchestratorExecution) == [execution]
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

    @pytest.mark.parametrize("damaged", [["graph"], ["graph", "execution"]])
    def test_a_stop_gets_past_a_damaged_cycle(self, running: Desk, damaged: list[str]) -> None:
        for name in damaged:
            setattr(running.records, name, None)
        assert self.control(running, Command.STOP).state is ExecutionState.STOPPED
        # A cycle that can be read does not stay running for ever.
        cancelled = [execution.status for execution, _ in running.writes.ended]
        assert cancelled == [ExecutionStatus.CANCELLED] * (2 - len(damaged))
        assert self.control(running, Command.START).total_cycles == 0
        assert running.records.stack.current_execution_id is None


class TestConfiguring:
    def configure(self, desk: Desk, changes: Any, check: Any = lambda _changes, _kept: None) -> Any:
        command = ConfigureStack(STACK, changes)
        return desk.do(lambda draft, message: configure(draft, message, check), command).settings

    def test_adds_replaces_and_takes_back(self, desk: Desk) -> None:
        assert self.configure(desk, {"pause": {"after_work": 2}}) == {"pause": {"after_work": 2}}
        more = {"pause": {"between_looks": 9}, "limits": {"node_seconds": 5}}
        assert self.configure(desk, more) == {
            "pause": {"after_work": 2, "between_looks": 9},
            "limits": {"node_seconds": 5},
        }
        back = {"pause": {"after_work": None}, "limits": {"node_seconds": None, "outcome_bytes": None}}
        assert self.configure(desk, back) == {"pause": {"between_looks": 9}}
        assert desk.records.stack.settings == {"pause": {"between_looks": 9}}

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
        ],
    )
    def test_refuses_nonsense_in_one_line(self, desk: Desk, changes: Any) -> None:
        with pytest.raises(InvalidInputError) as caught:
            self.configure(desk, changes)
        assert len(str(caught.value).splitlines()) == 1

    def test_takes_back_what_only_another_version_knows(self) -> None:
        desk = Desk(make_records(stack=make_stack(settings={"pause": {"for_tea": 5}})))
        assert self.configure(desk, {"pause": {"for_tea": None}}) == {}

    def test_is_refused_where_the_stack_could_not_run_with_it(self, desk: Desk) -> None:
        def check(changes: Any, kept: Any) -> None:
            assert (changes, kept) == ({"model": {"name": "openai:mine"}}, {})
            raise InvalidInputError("its price is not known")

        with pytest.raises(InvalidInputError, match="price"):
            self.configure(desk, {"model": {"name": "openai:mine"}}, check)


class TestRenaming:
    def test_takes_the_stack_out_from_under_its_old_name(self, desk: Desk) -> None:
        before = desk.records.stack
        after = do(desk, RenameStack(STACK, " Yard "))
        assert (after.name, desk.records.stack) == ("Yard", after)
        assert desk.writes.renamed == (before, after)

    def test_to_what_it_is_called_already_changes_nothing(self, desk: Desk) -> None:
        changes_nothing(desk, lambda: do(desk, RenameStack(STACK, "garden")))

    @pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "\ud800"])
    def test_to_what_is_no_name_is_refused_in_one_line(self, desk: Desk, name: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            do(desk, RenameStack(STACK, name))
        assert len(str(caught.value).splitlines()) == 1


TOLD = {
    "visitor": SendUserMessage(new_user_message(STACK, "Ada", "hello", NOW)),
    "todo": AddTodo(new_todo(STACK, "water", 3, NOW)),
    "stack": SendStackMessage(new_message(make_stack(id=OTHER), STACK, "hello", NOW)),
}


def told(command: Any) -> Any:
    """Return the record that a command brings."""
    return command.todo if isinstance(command, AddTodo) else command.message


class TestNews:
    """Whatever is told to a stack is seen by its agents and, so that no crash loses it, makes it due."""

    @pytest.mark.parametrize("command", TOLD.values(), ids=TOLD.keys())
    def test_is_noted(self, desk: Desk, command: Any) -> None:
        before = desk.records.changes
        assert do(desk, command) == told(command)
        assert desk.records.changes > before
        assert desk.records.stack.next_look_at == NOW
        assert told(command) in list(desk.writes)
        seen = desk.see()
        assert told(command) in (*seen.user_messages, *seen.todos, *seen.messages)

    @pytest.mark.parametrize("command", TOLD.values(), ids=TOLD.keys())
    @pytest.mark.parametrize("in_memory", [True, False])
    def test_that_is_told_twice_is_taken_in_once(self, desk: Desk, command: Any, in_memory: bool) -> None:
        if in_memory:
            do(desk, command)
        else:
            # It is closed, read or answered since long ago.
            ((kind, key),) = named_by_command(command)
            desk.stored[kind, key] = told(command)
        assert changes_nothing(desk, lambda: do(desk, command)) == told(command)

    def test_a_look_that_is_due_already_stays_due(self, desk: Desk) -> None:
        desk.records.stack = make_stack(next_look_at=NOW - 5)
        do(desk, TOLD["visitor"])
        assert desk.records.stack.next_look_at == NOW - 5

    def test_a_stack_that_rests_is_due_again(self, desk: Desk) -> None:
        desk.records.stack = make_stack(next_look_at=None)
        do(desk, TOLD["visitor"])
        assert desk.records.stack.next_look_at == NOW

    @pytest.mark.parametrize("state", [ExecutionState.IDLE, ExecutionState.PAUSED, ExecutionState.STOPPED])
    def test_a_stack_that_may_not_run_keeps_it_for_later(self, desk: Desk, state: ExecutionState) -> None:
        desk.records.stack = make_stack(state=state)
        do(desk, TOLD["visitor"])
        assert desk.records.stack.next_look_at is None
        assert desk.records.user_messages.items == (told(TOLD["visitor"]),)

    def test_told_again_after_it_was_read_stays_read(self, desk: Desk) -> None:
        message = told(TOLD["stack"])
        read = desk.stored[Message, message.id] = message.but(read_at=NOW)
        assert do(desk, TOLD["stack"]) == read
        assert desk.see().messages == ()

    def test_that_was_made_earlier_and_comes_later_stands_where_it_belongs(self, desk: Desk) -> None:
        slow, quick = make_message(1), make_message(2)
        for message in (quick, slow):
            do(desk, SendStackMessage(message))
        assert desk.records.messages.items == (slow, quick)


class TestEditingATodo:
    def edit(self, desk: Desk, content: str | None = None, priority: int | None = None) -> Any:
        return do(desk, EditTodo(STACK, f"{1:032}", content, priority), NOW + 9)

    def test_changes_what_is_given(self, desk: Desk) -> None:
        desk.records = make_records(todos=[make_todo(1)])
        edited = self.edit(desk, content="sow")
        assert (edited.content, edited.priority, edited.updated_by) == ("sow", 3, "user")
        assert self.edit(desk, priority=5).content == "sow"
        assert desk.records.todos.items[0].priority == 5

    def test_with_what_it_says_already_changes_nothing(self, desk: Desk) -> None:
        desk.records = make_records(todos=[make_todo(1)])
        changes_nothing(desk, lambda: self.edit(desk, content="plant tree 1", priority=3))

    def test_that_is_closed_is_refused(self, desk: Desk) -> None:
        desk.records = make_records(todos=[make_todo(1, status=TodoStatus.CANCELLED)])
        with pytest.raises(ConflictError, match="is cancelled: only open todos can be changed"):
            self.edit(desk, content="sow")

    @pytest.mark.parametrize("wrong", [{"content": ""}, {"priority": 9}])
    def test_with_nonsense_is_refused_in_one_line(self, desk: Desk, wrong: Any) -> None:
        desk.records = make_records(todos=[make_todo(1)])
        with pytest.raises(InvalidInputError, match=r"^todo: ") as caught:
            self.edit(desk, **wrong)
        assert len(str(caught.value).splitlines()) == 1


class TestCancellingATodo:
    def cancel(self, desk: Desk, todo_id: str, now: float = NOW + 9) -> Any:
        return do(desk, CancelTodo(STACK, todo_id), now)

    def test_closes_it(self, desk: Desk) -> None:
        todo = do(desk, TOLD["todo"])
        before = desk.records.changes
        cancelled = self.cancel(desk, todo.id)
        assert (cancelled.status, cancelled.closed_at) == (TodoStatus.CANCELLED, NOW + 9)
        assert (cancelled.updated_at, cancelled.updated_by) == (NOW + 9, "user")
        assert desk.records.changes > before
        assert desk.written(Todo) == [cancelled]

    def test_twice_is_once(self, desk: Desk) -> None:
        todo = do(desk, TOLD["todo"])
        first = self.cancel(desk, todo.id)
        assert changes_nothing(desk, lambda: self.cancel(desk, todo.id, NOW + 99)) == first

    @pytest.mark.parametrize("in_memory", [True, False])
    def test_that_is_completed_is_refused(self, desk: Desk, in_memory: bool) -> None:
        todo = make_todo(1, status=TodoStatus.COMPLETED)
        if in_memory:
            desk.records = make_records(todos=[todo])
        else:
            desk.stored[Todo, todo.id] = todo
        with pytest.raises(
            ConflictError, match=f"^todo {todo.id} is completed: it can no longer be cancelled$"
        ):
            self.cancel(desk, todo.id)

    @pytest.mark.parametrize("todo_id", ["", "lost", "x" * 600, "\udcff"])
    def test_that_is_not_there_is_refused(self, desk: Desk, todo_id: str) -> None:
        with pytest.raises(NotFoundError, match=r"^no todo "):
            self.cancel(desk, todo_id)


def last_input(desk: Desk) -> float | None:
    return desk.records.stack.last_input_at


class TestWhatAPersonGave:
    """Is kept with its time, whatever becomes of it: a row of repetitions begins anew there."""

    def test_is_a_todo_and_each_change_of_it(self, desk: Desk) -> None:
        assert last_input(desk) is None
        todo = new_todo(STACK, "plant", 3, NOW)
        do(desk, AddTodo(todo))
        assert last_input(desk) == NOW
        do(desk, EditTodo(STACK, todo.id, "sow"), NOW + 1)
        assert last_input(desk) == NOW + 1
        do(desk, EditTodo(STACK, todo.id, "sow", 3), NOW + 2)
        do(desk, AddTodo(todo.but(created_at=NOW + 2)), NOW + 2)
        assert last_input(desk) == NOW + 1, "nothing has changed"
        do(desk, CancelTodo(STACK, todo.id), NOW + 3)
        assert last_input(desk) == NOW + 3

    def test_is_a_message_or_an_idea_or_a_setting(self, desk: Desk) -> None:
        def set_it(draft: Draft, command: ConfigureStack) -> Stack:
            return configure(draft, command, lambda _changes, _kept: None)

        do(desk, TOLD["visitor"])
        assert last_input(desk) == NOW
        do(desk, SetIdea(new_idea(STACK, "a pond", NOW)), NOW + 1)
        assert last_input(desk) == NOW + 1
        desk.do(set_it, ConfigureStack(STACK, {"pause": {"after_work": 2}}), NOW + 2)
        assert last_input(desk) == NOW + 2

    def test_is_not_what_another_team_wrote(self, desk: Desk) -> None:
        do(desk, TOLD["stack"])
        assert last_input(desk) is None

    def test_is_not_that_a_stack_is_steered(self, desk: Desk) -> None:
        desk.do(steer, ControlStack(STACK, Command.PAUSE))
        assert last_input(desk) is None
