"""The life of a stack, row by row of the machine's table: until its agents run."""

from typing import Any

import pytest

from recursor.domain.commands import (
    AddTodo,
    Command,
    ConfigureStack,
    RenameStack,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.events import (
    CycleStarted,
    StackWaits,
)
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.work import WorkReport
from recursor.orchestration.stack_events import (
    Activity,
    Build,
    ChildDied,
    Posted,
    Quiesce,
    RunWave,
    TimerDue,
    WorkReported,
)
from tests.making import (
    NOW,
    STACK,
    make_graph,
    make_idea,
    make_message,
    make_node,
    make_stack,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import make_records
from tests.orchestration.owner import (
    NO_WORK,
    WORK,
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


class TestWaking:
    def test_a_running_stack_is_looked_at(self) -> None:
        assert Owner().activity is LOOKING

    @pytest.mark.parametrize("state", ["idle", "paused", "stopped"])
    def test_one_that_may_not_run_is_held(self, state: str) -> None:
        owner = held(state)
        assert not owner.questions
        assert not owner.is_committing()

    def test_where_agents_do_not_run_it_is_held(self) -> None:
        assert Owner(runs=False).activity is HELD

    def test_messages_that_are_not_known_to_have_arrived_are_sent_again(self) -> None:
        message = make_message(1, from_stack_id=STACK, to_stack_id="other")
        owner = Owner(make_records(outbox=[message]))
        assert owner.delivering == [message]

    def test_an_interrupted_cycle_goes_on_with_what_had_no_result(self) -> None:
        nodes = [
            make_node("planner", status=NodeStatus.COMPLETED, attempts=1),
            make_node("builder", wave=1, status=NodeStatus.RUNNING, attempts=1),
        ]
        stack = make_stack(current_execution_id=f"{1:032}", last_cycle=7)
        owner = Owner(
            make_records(
                stack=stack,
                graph=make_graph(nodes),
                execution=OrchestratorExecution(
                    id=f"{1:032}", stack_id=STACK, number=7, epoch=0, started_at=NOW
                ),
            )
        )
        look(owner)
        owner.write_all()
        run = owner.asked.effect
        assert isinstance(run, RunWave)
        assert [(node.role, node.attempts) for node in run.nodes] == [("builder", 2)]

    def test_a_backoff_is_waited_out_whatever_comes(self) -> None:
        failed = make_stack(failures_in_a_row=1, last_failure_at=NOW - 1, last_activity_at=NOW - 1)
        owner = Owner(make_records(stack=failed))
        assert (owner.activity, owner.timer) == (RESTING, (NOW + 4, owner.state.turn))
        owner.do(AddTodo(make_todo(1)))
        assert owner.activity is RESTING
        owner.pass_time(4)
        assert owner.activity is LOOKING

    def test_damage_pauses_the_stack_with_the_reason_until_it_can_be_read(self) -> None:
        owner = Owner(damage="todos 1: is not a readable Todo")
        assert owner.activity is HELD
        stack = owner.records.stack
        assert (stack.state, stack.state_reason) == (ExecutionState.PAUSED, "todos 1: is not a readable Todo")
        owner.write_all()
        steer(owner, RESUME)
        assert owner.activity is HELD
        # When the resume is on disk the records are read anew, and nothing is wrong with them.
        owner.write_all()
        assert owner.activity is LOOKING

    def test_damage_of_a_stack_that_does_not_run_is_told_and_nothing_more(self) -> None:
        owner = Owner(make_records(stack=make_stack(state="stopped")), damage="it is bad")
        assert (owner.activity, owner.state.trouble) == (HELD, "it is bad")
        assert owner.records.stack.state is ExecutionState.STOPPED

    def test_settings_that_cannot_be_used_pause_the_stack(self) -> None:
        owner = Owner(make_records(stack=make_stack(settings={"pause": {"for_tea": 5}})))
        assert owner.activity is HELD
        assert "pause.for_tea" in (owner.records.stack.state_reason or "")


class TestHeld:
    @pytest.mark.parametrize(("state", "command"), [("idle", START), ("stopped", START), ("paused", RESUME)])
    def test_a_start_or_resume_has_it_looked_at(self, state: str, command: Command) -> None:
        owner = held(state)
        steer(owner, command)
        assert owner.activity is LOOKING

    def test_anything_else_is_taken_in_and_waits(self) -> None:
        owner = held()
        owner.do(AddTodo(make_todo(1)))
        owner.feed(Posted(make_message(1, to_stack_id=None)))
        assert owner.activity is HELD
        assert not owner.questions
        assert [int(message.id) for message in owner.records.broadcasts] == [1]


class TestResting:
    def test_its_time_has_it_looked_at(self) -> None:
        owner = resting()
        assert owner.timer == (NOW + 30, owner.state.turn)
        owner.pass_time(29)
        assert owner.activity is RESTING
        owner.pass_time(1)
        assert owner.activity is LOOKING

    def test_a_clock_that_was_set_back_is_waited_for(self) -> None:
        owner = resting()
        owner.now = NOW - 100
        owner.lose_timer()
        owner.feed(TimerDue())
        assert (owner.activity, owner.timer) == (RESTING, (NOW + 30, owner.state.turn))

    @pytest.mark.parametrize(
        "change",
        [
            AddTodo(make_todo(1)),
            SendUserMessage(make_user_message(1)),
            SetIdea(make_idea(idea="a pond")),
            ConfigureStack(STACK, {"pause": {"after_work": 2}}),
        ],
    )
    def test_a_change_has_it_looked_at(self, change: Any) -> None:
        owner = resting()
        owner.do(change)
        assert (owner.activity, owner.timer) == (LOOKING, None)

    def test_a_broadcast_has_it_looked_at(self) -> None:
        owner = resting()
        owner.feed(Posted(make_message(1, to_stack_id=None)))
        assert owner.activity is LOOKING

    @pytest.mark.parametrize(
        "message",
        [make_message(1, to_stack_id=None, from_stack_id=STACK), make_message(0, to_stack_id=None)],
        ids=["own", "read"],
    )
    def test_a_broadcast_that_is_not_for_it_does_not(self, message: Any) -> None:
        owner = resting(stack=make_stack(broadcasts_read=f"{0:032}"))
        owner.feed(Posted(message))
        assert owner.activity is RESTING
        assert not owner.records.broadcasts

    def test_what_changes_nothing_does_not(self) -> None:
        owner = resting()
        owner.do(RenameStack(STACK, "yard"))
        steer(owner, RESUME)
        assert owner.activity is RESTING

    @pytest.mark.parametrize("command", [PAUSE, STOP])
    def test_a_pause_or_stop_holds_it(self, command: Command) -> None:
        owner = resting()
        steer(owner, command)
        assert (owner.activity, owner.timer) == (HELD, None)

    def test_a_change_is_written_with_what_comes_of_the_look(self) -> None:
        owner = resting()
        answered = owner.do(SendUserMessage(make_user_message(1)))
        assert not owner.is_committing()
        look(owner)
        build(owner)
        assert owner.is_committing()
        assert not answered.done()
        owner.write_all()
        assert answered.get(timeout=0) == make_user_message(1)
        assert owner.activity is RUNNING

    def test_during_a_backoff_only_a_person_who_resumes_has_it_looked_at(self) -> None:
        owner = resting()
        owner.pass_time(30)
        owner.answer(owner.asked, "a detector failed")
        assert (owner.activity, owner.state.backing_off) == (RESTING, True)
        owner.do(AddTodo(make_todo(1)))
        assert owner.activity is RESTING
        steer(owner, PAUSE)
        steer(owner, RESUME)
        assert owner.activity is LOOKING


class TestLooking:
    def test_work_between_cycles_has_a_graph_built(self) -> None:
        owner = Owner()
        look(owner)
        assert owner.activity is BUILDING
        question = owner.asked.effect
        assert isinstance(question, Build)
        assert question.report == WORK

    def test_no_work_has_the_stack_rest(self) -> None:
        owner = Owner()
        look(owner, NO_WORK)
        assert (owner.activity, owner.state.due) == (RESTING, NOW + 30)
        owner.write_all()
        assert owner.records.stack.next_look_at == NOW + 30
        assert owner.records.report == NO_WORK
        assert [told["until"] for told in owner.told_of(StackWaits)] == [NOW + 30]

    def test_no_work_again_is_not_written_again(self) -> None:
        owner = resting()
        owner.pass_time(30)
        look(owner, NO_WORK.but(computed_at=owner.now))
        assert owner.activity is RESTING
        assert not owner.is_committing()

    def test_no_work_of_a_complete_stack_has_it_rest_until_an_event(self) -> None:
        owner = resting(stack=make_stack(phase=Phase.COMPLETE))
        assert (owner.state.due, owner.timer) == (None, None)
        owner.do(AddTodo(make_todo(1)))
        assert owner.activity is LOOKING

    def test_what_changes_meanwhile_has_it_looked_at_again(self) -> None:
        owner = Owner()
        owner.do(AddTodo(make_todo(1)))
        first = owner.asked
        look(owner, NO_WORK)
        assert owner.activity is LOOKING
        assert owner.asked is not first

    def test_what_changes_faster_than_it_can_be_looked_at_is_run_nevertheless(self) -> None:
        owner = Owner()
        for number in range(2):
            owner.do(AddTodo(make_todo(number)))
            look(owner)
            assert owner.activity is LOOKING
        owner.do(AddTodo(make_todo(2)))
        look(owner)
        assert owner.activity is BUILDING

    def test_a_failure_is_told_and_waited_out(self) -> None:
        owner = Owner()
        owner.answer(owner.asked, "work detection failed: planner: ValueError")
        assert (owner.activity, owner.state.due) == (RESTING, NOW + 5)
        assert (owner.state.trouble, owner.state.look_failures) == (
            "work detection failed: planner: ValueError",
            1,
        )
        owner.pass_time(5)
        look(owner, NO_WORK)
        assert (owner.state.trouble, owner.state.look_failures) == (None, 0)

    def test_failures_in_a_row_pause_the_stack(self) -> None:
        owner = Owner()
        for pause in (5, 10, 20, 40):
            owner.answer(owner.asked, "no luck")
            owner.pass_time(pause)
        owner.answer(owner.asked, "no luck")
        assert owner.activity is HELD
        assert owner.records.stack.state is ExecutionState.PAUSED
        assert "no luck" in (owner.records.stack.state_reason or "")

    @pytest.mark.parametrize("report", [WORK, NO_WORK])
    def test_a_pause_meanwhile_holds_it(self, report: WorkReport) -> None:
        owner = Owner()
        steer(owner, PAUSE)
        assert owner.activity is LOOKING
        look(owner, report)
        look(owner, report)
        assert owner.activity is HELD

    def test_an_answer_after_a_stop_is_heard_by_nobody(self) -> None:
        owner = Owner()
        stale = owner.asked
        steer(owner, STOP)
        steer(owner, START)
        owner.answer(stale, WORK)
        assert owner.activity is LOOKING


class TestBuilding:
    def test_a_graph_begins_a_cycle_and_its_first_wave_runs_when_that_is_on_disk(self) -> None:
        owner = Owner()
        look(owner)
        build(owner)
        assert owner.activity is RUNNING
        assert not owner.questions
        owner.write_all()
        run = owner.asked.effect
        assert isinstance(run, RunWave)
        assert [(node.role, node.attempts) for node in run.nodes] == [("planner", 1)]
        assert statuses(owner) == {"planner": NodeStatus.RUNNING, "builder": NodeStatus.PENDING}
        assert owner.records.execution is not None
        assert owner.records.execution.number == 1
        (told,) = owner.told_of(CycleStarted)
        assert (told["number"], told["graph"]) == (1, owner.records.graph)

    def test_a_pause_meanwhile_begins_none(self) -> None:
        owner = Owner()
        look(owner)
        steer(owner, PAUSE)
        build(owner)
        assert owner.activity is HELD
        assert owner.records.execution is None

    def test_a_builder_that_fails_is_met_like_a_detector_that_fails(self) -> None:
        owner = Owner()
        for pause in (5, 10, 20, 40):
            look(owner)
            owner.answer(owner.asked, "no graph today")
            assert owner.activity is RESTING
            owner.pass_time(pause)
        look(owner)
        owner.answer(owner.asked, "no graph today")
        assert owner.records.stack.state is ExecutionState.PAUSED


class TestChildren:
    @pytest.mark.parametrize("activity", [LOOKING, BUILDING])
    def test_what_was_asked_of_one_that_died_is_asked_again(self, activity: Activity) -> None:
        owner = Owner()
        if activity is BUILDING:
            look(owner)
        owner.questions.clear()
        owner.feed(ChildDied("its thread was killed"))
        assert owner.activity is LOOKING
        look(owner)
        build(owner)
        owner.write_all()
        assert owner.activity is RUNNING


def test_a_state_is_left_as_it_was_by_every_step() -> None:
    owner = resting()
    before, copy = owner.state, owner.state.copy()
    for event in (Posted(make_message(1, to_stack_id=None)), Quiesce(), ChildDied("?")):
        owner.machine.step(before, event, NOW)
    assert before == copy


@pytest.mark.parametrize("event", [object(), "news"])
def test_what_nothing_waits_for_changes_nothing(event: object) -> None:
    owner = Owner()
    step = owner.machine.step(owner.state, event, NOW)
    assert step.state == owner.state
    assert (step.effects, step.after, bool(step.writes), step.save) == ([], [], False, False)


def test_nobody_is_told_of_what_nobody_wants_to_know() -> None:
    owner = running()
    end_wave(owner)
    step = owner.machine.step(owner.state, WorkReported(NO_WORK), NOW, observed=False)
    assert [type(effect) for effect in step.after] == []
