"""The life of a stack while its agents run, and how that ends."""

from typing import Any

import pytest

from recursor.domain.commands import (
    AddTodo,
    Command,
)
from recursor.domain.effect import CreateTodo, Outcome, SendMessage, UpdateTodo
from recursor.domain.events import (
    CycleFinished,
    NodeFinished,
)
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from recursor.orchestration.stack_events import (
    Activity,
    CancelRuns,
    ChildDied,
    Quiesce,
    RunWave,
    TakeBack,
)
from tests.making import (
    NOW,
    make_message,
    make_report,
    make_snapshot,
    make_stack,
    make_status,
    make_todo,
)
from tests.orchestration.owner import (
    NO_WORK,
    Owner,
    build,
    end_wave,
    held,
    look,
    resting,
    result_of,
    running,
    statuses,
    steer,
)

HELD, RESTING, LOOKING = Activity.HELD, Activity.RESTING, Activity.LOOKING
BUILDING, RUNNING, GONE = Activity.BUILDING, Activity.RUNNING, Activity.GONE
PAUSE, RESUME, STOP, START = Command.PAUSE, Command.RESUME, Command.STOP, Command.START


def kinds(owner: Owner) -> list[type]:
    return [type(effect) for effect in owner.carried_out]


class TestRunning:
    def test_results_are_applied_and_written_with_the_beginning_of_the_next_wave(self) -> None:
        owner = running()
        end_wave(owner, outcome=Outcome(effects=(CreateTodo(content="dig"),), summary="planned"))
        assert owner.activity is LOOKING
        assert not owner.is_committing()
        look(owner)
        assert owner.is_committing()
        assert owner.told_of(NodeFinished) == []
        owner.write_all()
        assert statuses(owner) == {"planner": NodeStatus.COMPLETED, "builder": NodeStatus.RUNNING}
        (told,) = owner.told_of(NodeFinished)
        assert (told["role"], told["status"], told["summary"]) == ("planner", NodeStatus.COMPLETED, "planned")

    def test_a_node_without_work_is_skipped_with_the_reason(self) -> None:
        owner = running()
        end_wave(owner)
        look(owner, make_report({"planner": make_status(9), "builder": make_status(reason="no todos")}))
        owner.write_all()
        assert owner.records.execution is None
        (told,) = owner.told_of(CycleFinished)
        assert told["status"] is ExecutionStatus.COMPLETED

    def test_the_end_of_a_cycle_shares_the_commit_of_the_next_beginning(self) -> None:
        owner = running()
        end_wave(owner, outcome=Outcome(effects=(CreateTodo(content="dig"),)))
        look(owner)
        owner.write_all()
        end_wave(owner)
        look(owner)
        assert owner.activity is BUILDING
        assert not owner.is_committing()
        build(owner)
        owner.write_all()
        assert (owner.activity, owner.records.stack.last_cycle) == (RUNNING, 2)
        assert owner.records.stack.total_cycles == 1
        assert [told["number"] for told in owner.told_of(CycleFinished)] == [1]

    def test_the_end_of_a_cycle_without_more_work_has_the_stack_rest(self) -> None:
        owner = running()
        end_wave(owner)
        look(owner, NO_WORK)
        owner.write_all()
        assert owner.activity is RESTING
        assert (owner.records.stack.total_cycles, owner.records.execution) == (1, None)
        assert owner.records.stack.next_look_at == owner.state.due

    def test_a_failed_cycle_is_waited_out(self) -> None:
        owner = running()
        end_wave(owner, error="no model")
        look(owner)
        owner.write_all()
        assert (owner.activity, owner.state.backing_off, owner.state.due) == (RESTING, True, NOW + 5)

    def test_what_changed_too_fast_to_be_looked_at_is_looked_at_after_the_end(self) -> None:
        owner = running(stack=make_stack(phase=Phase.COMPLETE))
        end_wave(owner)
        for number in range(3):
            assert owner.activity is LOOKING
            owner.do(AddTodo(make_todo(number)))
            look(owner, NO_WORK)
        # Nobody has looked at the last todo: the stack must not rest until something else happens.
        assert owner.records.execution is None
        assert owner.activity is LOOKING
        assert owner.records.stack.next_look_at == NOW

    def test_a_pause_lets_those_that_have_begun_end_and_takes_the_others_back(self) -> None:
        both = make_report({"planner": make_status(9), "builder": make_status(5)})
        owner = Owner()
        look(owner, both)
        build(owner)
        owner.write_all()
        steer(owner, PAUSE)
        assert owner.carried_out[-1] == TakeBack()
        assert owner.activity is RUNNING
        end_wave(owner, "planner")
        assert owner.activity is HELD
        assert statuses(owner) == {"planner": NodeStatus.COMPLETED, "builder": NodeStatus.PENDING}
        owner.write_all()
        steer(owner, RESUME)
        look(owner, both)
        owner.write_all()
        run = owner.asked.effect
        assert isinstance(run, RunWave)
        assert [(node.role, node.attempts) for node in run.nodes] == [("builder", 2)]

    def test_a_pause_before_the_wave_is_on_disk_begins_nobody(self) -> None:
        owner = Owner()
        look(owner)
        build(owner)
        steer(owner, PAUSE)
        owner.write_all()
        assert (owner.activity, owner.questions) == (HELD, [])
        assert statuses(owner) == {"planner": NodeStatus.PENDING, "builder": NodeStatus.PENDING}

    def test_a_pause_in_the_last_wave_ends_the_cycle_and_begins_no_other(self) -> None:
        owner = Owner()
        look(owner, make_report())
        build(owner)
        owner.write_all()
        steer(owner, PAUSE)
        end_wave(owner)
        look(owner, make_report())
        owner.write_all()
        assert owner.activity is HELD
        (told,) = owner.told_of(CycleFinished)
        assert told["decision"].reason == "the stack is paused"

    def test_a_stop_gives_all_up_and_cancels_the_cycle(self) -> None:
        owner = running()
        stale = owner.asked
        steer(owner, STOP)
        assert CancelRuns in kinds(owner)
        assert (owner.activity, owner.records.execution) == (HELD, None)
        owner.write_all()
        assert [told["status"] for told in owner.told_of(CycleFinished)] == [ExecutionStatus.CANCELLED]
        assert [told["role"] for told in owner.told_of(NodeFinished)] == ["planner", "builder"]
        owner.questions.append(stale)
        before = owner.records
        end_wave_of(owner, stale)
        assert owner.records is before

    def test_a_stop_before_the_wave_is_on_disk_begins_nobody(self) -> None:
        owner = Owner()
        look(owner)
        build(owner)
        steer(owner, STOP)
        owner.write_all()
        assert owner.questions == []
        assert RunWave in kinds(owner), "it is carried out, and comes too late"

    def test_an_outcome_that_needs_a_person_pauses_the_stack(self) -> None:
        owner = running()
        failure = AgentFailedError("no key", suspend=True)
        end_wave(owner, error="no key", failure=failure)
        assert owner.activity is HELD
        assert owner.records.stack.state_reason == "planner: no key"

    def test_role_actors_that_keep_dying_pause_the_stack(self) -> None:
        owner = running()
        for _ in range(6):
            owner.feed(ChildDied("its thread was killed"))
        assert owner.activity is HELD
        assert owner.records.stack.state_reason == "its actors keep failing: its thread was killed"

    def test_deaths_long_ago_do_not_count(self) -> None:
        owner = running()
        for _ in range(9):
            owner.feed(ChildDied("its thread was killed"))
            owner.now += 30
        assert owner.activity is RUNNING


def end_wave_of(owner: Owner, question: Any) -> None:
    results = [
        result_of(node, make_snapshot(), owner.now, outcome=Outcome(effects=(CreateTodo(content="late"),)))
        for node in question.effect.nodes
    ]
    owner.answer(question, results)


class TestWhatVanishes:
    """B is paused; S writes to B; S is deleted; B resumes."""

    def test_a_stack_that_wrote_and_was_deleted_holds_nobody_up(self) -> None:
        letter = make_message(1, from_stack_id="5eed000000000009")
        owner = running(messages=[letter], todos=[make_todo(2)])
        answer = SendMessage(to_stack_id="5eed000000000009", content="thank you")
        done = UpdateTodo(todo_id=f"{2:032}", status=TodoStatus.COMPLETED)
        saw = make_snapshot(messages=(letter,), todos=(make_todo(2),))
        (node,) = owner.asked.effect.nodes  # type: ignore[union-attr]
        outcome = Outcome(effects=(answer, done), summary="answered")
        owner.answer(owner.asked, [result_of(node, saw, owner.now, outcome=outcome)])
        assert statuses(owner)["planner"] is NodeStatus.COMPLETED
        assert owner.records.todos.items[0].status is TodoStatus.COMPLETED
        assert not owner.records.outbox
        look(owner, NO_WORK)
        owner.write_all()
        assert owner.records.stack.failures_in_a_row == 0


class TestTheEnd:
    @pytest.mark.parametrize("make", [held, resting])
    def test_a_stack_without_agents_is_quiet_at_once(self, make: Any) -> None:
        owner = make()
        owner.feed(Quiesce())
        owner.write_all()
        assert owner.is_quiet
        assert owner.activity is HELD

    def test_agents_that_have_begun_end_and_no_others_begin(self) -> None:
        owner = running()
        owner.feed(Quiesce())
        assert owner.carried_out[-1] == TakeBack()
        assert (owner.is_quiet, owner.state.quiescing) == (False, True)
        end_wave(owner)
        owner.write_all()
        assert owner.is_quiet
        assert statuses(owner) == {"planner": NodeStatus.COMPLETED, "builder": NodeStatus.PENDING}
        assert owner.records.stack.state is ExecutionState.RUNNING

    @pytest.mark.parametrize("while_building", [True, False])
    def test_a_step_under_way_comes_to_its_end(self, while_building: bool) -> None:
        owner = Owner()
        if while_building:
            look(owner)
        owner.feed(Quiesce())
        build(owner) if while_building else look(owner)
        owner.write_all()
        assert (owner.is_quiet, owner.activity) == (True, HELD)

    def test_commands_are_obeyed_until_the_process_has_ended(self) -> None:
        owner = resting()
        owner.feed(Quiesce())
        owner.do(AddTodo(make_todo(1)))
        owner.write_all()
        assert owner.activity is HELD
        assert len(owner.records.todos) == 1
