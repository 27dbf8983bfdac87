"""What a stack is told, what it tells others, and a disk without room."""

from typing import Any

import pytest

from recursor.domain.commands import (
    AddTodo,
    Command,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.effect import CreateTodo, Outcome, SendMessage
from recursor.domain.errors import NotFoundError
from recursor.domain.events import (
    ContentsChanged,
    NodeFinished,
    StackChanged,
    StackDeleted,
    UserMessageSent,
)
from recursor.domain.graph import NodeStatus
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState
from recursor.orchestration.stack_events import (
    Activity,
    Arrived,
    DeliverToStack,
    Posted,
    ReportTrouble,
    RunWave,
)
from recursor.storage.errors import StorageFullError
from tests.making import (
    NOW,
    STACK,
    make_idea,
    make_message,
    make_stack,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import make_records
from tests.orchestration.owner import (
    FULL,
    NO_WORK,
    RETRY,
    Owner,
    build,
    end_wave,
    held,
    look,
    resting,
    running,
    statuses,
    steer,
)

HELD, RESTING, LOOKING = Activity.HELD, Activity.RESTING, Activity.LOOKING
BUILDING, RUNNING, GONE = Activity.BUILDING, Activity.RUNNING, Activity.GONE
PAUSE, RESUME, STOP, START = Command.PAUSE, Command.RESUME, Command.STOP, Command.START


def kinds(owner: Owner) -> list[type]:
    return [type(effect) for effect in owner.carried_out]


class TestMessagesToOthers:
    def test_are_sent_when_they_are_on_disk_and_kept_until_they_have_arrived(self) -> None:
        owner = running()
        end_wave(owner, outcome=Outcome(effects=(SendMessage(content="to all"),)))
        look(owner, NO_WORK)
        assert owner.delivering == []
        owner.write_all()
        (message,) = owner.delivering
        assert DeliverToStack(message) in owner.carried_out
        assert message.id in owner.records.outbox
        owner.feed(Arrived(message.id))
        assert message.id not in owner.records.outbox
        owner.write_all()
        owner.feed(Arrived(message.id))
        assert not owner.is_committing()

    def test_while_the_stack_is_busy_their_arrival_goes_with_the_next_save(self) -> None:
        message = make_message(1, from_stack_id=STACK, to_stack_id="other")
        owner = running(outbox=[message])
        owner.feed(Arrived(message.id))
        assert not owner.is_committing()
        end_wave(owner)
        look(owner, NO_WORK)
        assert owner.disk.waiting is not None
        assert any(value is None for _, _, value in owner.disk.waiting.writes)


class TestCommands:
    def test_are_answered_when_they_are_on_disk(self) -> None:
        owner = running()
        answered = owner.do(AddTodo(make_todo(1)))
        assert not answered.done()
        owner.write_all()
        assert answered.get(timeout=0) == make_todo(1)
        assert owner.told_of(ContentsChanged) == [{"what": "todos"}]

    def test_that_change_nothing_wait_for_what_made_it_so(self) -> None:
        owner = running()
        first = owner.do(AddTodo(make_todo(1)))
        again = owner.do(AddTodo(make_todo(1)))
        assert not again.done()
        owner.write_all()
        assert first.get(timeout=0) == again.get(timeout=0) == make_todo(1)
        # And when all is on disk, for nothing.
        assert owner.do(AddTodo(make_todo(1))).done()

    def test_a_new_stack_is_stored_started_and_told_of(self) -> None:
        stack = make_stack(state="idle")
        owner = Owner(make_records(stack=stack, idea=None), is_new=True)
        assert owner.activity is HELD
        made = owner.do(CreateStack(stack, make_idea(), start=True))
        assert owner.activity is LOOKING
        owner.write_all()
        assert made.get(timeout=0).state is ExecutionState.RUNNING
        assert [told["state"] for told in owner.told_of(StackChanged)] == [ExecutionState.RUNNING]

    def test_a_new_stack_that_does_not_start_is_told_of_too(self) -> None:
        stack = make_stack(state="idle")
        owner = Owner(make_records(stack=stack, idea=None), is_new=True)
        owner.do(CreateStack(stack))
        owner.write_all()
        assert [told["state"] for told in owner.told_of(StackChanged)] == [ExecutionState.IDLE]

    def test_a_stack_that_was_never_created_takes_none(self) -> None:
        owner = Owner(make_records(stack=make_stack(state="idle")), is_new=True)
        for command in (AddTodo(make_todo(1)), DeleteStack(STACK), ControlStack(STACK, START)):
            with pytest.raises(NotFoundError, match=f"no stack {STACK}"):
                owner.do(command)
        assert not owner.records.todos

    def test_to_create_it_again_is_answered_with_what_there_is(self) -> None:
        owner = held("idle")
        assert owner.do(CreateStack(make_stack(name="other"))).get(timeout=0).name == "garden"
        started = owner.do(CreateStack(make_stack(name="other"), start=True))
        owner.write_all()
        assert (started.get(timeout=0).name, owner.activity) == ("garden", LOOKING)

    @pytest.mark.parametrize("make", [held, resting, running])
    def test_a_deletion_ends_everything_when_it_is_on_disk(self, make: Any) -> None:
        owner = make()
        owner.do(DeleteStack(STACK))
        assert (owner.activity, owner.timer, owner.is_gone) == (GONE, None, False)
        refused = [owner.do(AddTodo(make_todo(1))), owner.do(DeleteStack(STACK))]
        owner.feed(Posted(make_message(1, to_stack_id=None)))
        # It may stay after all.
        assert not any(future.done() for future in refused)
        owner.write_all()
        for future in refused:
            with pytest.raises(NotFoundError):
                future.get(timeout=0)
        assert owner.is_gone
        assert owner.told_of(StackDeleted) == [{}]
        assert owner.questions == []

    def test_a_broadcast_writes_nothing_of_a_stack_that_is_being_deleted(self) -> None:
        owner = resting(stack=make_stack(state="running", runs_since_input=3))
        owner.do(DeleteStack(STACK))
        owner.do(AddTodo(make_todo(1)))
        owner.feed(Posted(make_message(1, to_stack_id=None)))
        # A write after the deletion would be refused, and the owner would die of it.
        owner.write_all()
        assert owner.is_gone

    def test_settings_hold_from_where_they_are_set(self) -> None:
        owner = held()
        owner.do(ConfigureStack(STACK, {"pause": {"after_work": 2}}))
        assert owner.state.settings.pause.after_work == 2
        owner.do(ConfigureStack(STACK, {"pause": {"after_work": None}}))
        assert owner.state.settings == Settings()

    def test_are_told_of_where_others_can_see_them(self) -> None:
        owner = running()
        owner.do(SendUserMessage(make_user_message(1)))
        owner.write_all()
        assert [told["message_id"] for told in owner.told_of(UserMessageSent)] == [f"{1:032}"]


class TestAFullDisk:
    def test_keeps_a_stack_that_was_to_be_deleted(self) -> None:
        owner = resting()
        deleted, refused = owner.do(DeleteStack(STACK)), owner.do(AddTodo(make_todo(1)))
        owner.fail()
        for future in (deleted, refused):
            with pytest.raises(StorageFullError):
                future.get(timeout=0)
        assert owner.activity is RESTING
        owner.do(AddTodo(make_todo(1)))
        owner.pass_time(RETRY)
        assert len(owner.records.todos) == 1

    def test_refuses_what_was_asked_for_and_changes_nothing(self) -> None:
        owner = running()
        before = owner.records.stack
        first, second = steer(owner, PAUSE), owner.do(AddTodo(make_todo(1)))
        owner.fail()
        for refused in (first, second):
            with pytest.raises(StorageFullError):
                refused.get(timeout=0)
        assert owner.records.stack == before
        assert not owner.records.todos
        # The agents run on.
        assert owner.activity is RUNNING
        end_wave(owner)
        assert owner.activity is LOOKING

    def test_keeps_what_agents_have_come_to_for_the_next_attempt(self) -> None:
        owner = running()
        end_wave(owner, outcome=Outcome(effects=(CreateTodo(content="dig"),), summary="planned"))
        look(owner)
        owner.fail()
        assert (owner.activity, owner.state.due) == (RESTING, NOW + RETRY)
        assert [todo.content for todo in owner.records.todos] == ["dig"]
        assert statuses(owner) == {"planner": NodeStatus.COMPLETED, "builder": NodeStatus.PENDING}
        owner.do(SetIdea(make_idea(idea="a pond")))
        owner.fail()
        assert [todo.content for todo in owner.records.todos] == ["dig"]
        owner.pass_time(RETRY)
        look(owner)
        owner.write_all()
        assert owner.activity is RUNNING
        assert [told["summary"] for told in owner.told_of(NodeFinished)] == ["planned"]

    def test_is_not_tried_again_before_its_time(self) -> None:
        message = make_message(1, from_stack_id=STACK, to_stack_id="other")
        owner = resting(outbox=[message])
        owner.feed(Arrived(message.id))
        owner.fail()
        assert not owner.is_committing()
        assert owner.state.backing_off

    def test_begins_a_wave_again_whose_beginning_was_not_written(self) -> None:
        owner = Owner()
        look(owner)
        build(owner)
        owner.fail()
        assert (owner.activity, owner.records.execution) == (RESTING, None)
        owner.pass_time(RETRY)
        look(owner)
        build(owner)
        owner.write_all()
        assert owner.records.stack.last_cycle == 1

    @pytest.mark.parametrize("command", [ControlStack(STACK, STOP), DeleteStack(STACK)])
    def test_begins_again_what_a_stop_that_was_not_written_gave_up(self, command: Any) -> None:
        owner = running()
        owner.do(command)
        owner.fail()
        assert owner.activity is RESTING
        owner.pass_time(RETRY)
        look(owner)
        owner.write_all()
        run = owner.asked.effect
        assert isinstance(run, RunWave)
        assert [(node.role, node.attempts) for node in run.nodes] == [("planner", 2)]

    def test_forgets_no_broadcast_and_no_arrival(self) -> None:
        sent = make_message(1, from_stack_id=STACK, to_stack_id="other")
        owner = running(outbox=[sent])
        owner.feed(Posted(make_message(2, to_stack_id=None)))
        owner.feed(Arrived(sent.id))
        owner.do(AddTodo(make_todo(1)))
        owner.fail()
        assert [int(message.id) for message in owner.records.broadcasts] == [2]
        assert not owner.records.outbox
        end_wave(owner)
        look(owner, NO_WORK)
        assert owner.disk.waiting is not None
        assert any(key.endswith(sent.id.encode()) for _, key, value in owner.disk.waiting.writes if not value)

    def test_is_told_by_whoever_met_it(self) -> None:
        owner = running()
        assert ReportTrouble not in kinds(owner)
        assert str(FULL) == "no space left"
