"""Stacks with nothing to do have no actors, and lose no wake-up."""

import threading
import time

import pytest

from recursor.actors.messages import SendStackMessage, SendUserMessage
from recursor.domain.commands import Command
from recursor.domain.effect import SetPhase
from recursor.domain.events import CycleFinished
from recursor.domain.new_records import new_message, new_user_message
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role
from recursor.runtime.clock import SystemClock
from tests.actors.stage import WAIT, Cast, Player, Stage, finish_todo, outcome, until


def passivate(stage: Stage) -> None:
    """Let time pass until no stack has actors; less than the 30 s after which they look again."""
    for _ in range(3):
        stage.clock.advance(5)
        stage.load()
    until(lambda: stage.load().active_stacks == 0, "the passivation")


def test_a_stack_that_waits_leaves_nothing_but_a_timer(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    assert (stage.load().active_stacks, stage.load().sleeping_stacks) == (1, 0)
    stage.clock.advance(9)
    assert stage.status(stack_id).active
    stage.clock.advance(2)
    until(lambda: stage.load().active_stacks == 0, "the passivation")
    assert stage.load().sleeping_stacks == 1
    status = stage.status(stack_id)
    assert (status.active, status.cycle, status.running) == (False, None, ())
    assert status.stack.state is ExecutionState.RUNNING


def test_a_stack_that_rests_or_does_not_run_leaves_nothing_at_all(set_stage):
    def complete(snapshot, run):
        return outcome(*finish_todo(snapshot, run).effects, SetPhase(phase=Phase.COMPLETE))

    stage = set_stage(Cast(first=complete).roles())
    paused, stopped, complete = (stage.create(name=name) for name in "psc")
    for stack_id in (paused, stopped, complete):
        stage.wait_rest(stack_id)
    stage.add_todo(complete, "first: a")
    stage.wait_rest(complete, 2)
    stage.tell(paused, Command.PAUSE)
    stage.tell(stopped, Command.STOP)
    passivate(stage)

    assert stage.load().sleeping_stacks == 0
    stage.clock.advance(100_000)
    assert stage.load().active_stacks == 0


@pytest.mark.parametrize("waker", ["timer", "message", "broadcast", "todo", "command"])
def test_a_passivated_stack_is_woken_by(set_stage, waker):
    it_is_time = threading.Event()

    def detect(_snapshot, _settings, _now):
        return WorkStatus(has_work=it_is_time.is_set(), priority=5 * it_is_time.is_set(), reason="it is time")

    def act(_snapshot, _run):
        it_is_time.clear()
        return outcome(summary="watched")

    stage = set_stage(Cast().roles(Role("watcher", detect, Player(act))))
    stack_id, other = stage.create(), stage.create(name="yard", start=False)
    stage.wait_rest(stack_id)
    if waker == "command":
        stage.tell(stack_id, Command.PAUSE)
        stage.write_to(stack_id)
    passivate(stage)
    match waker:
        case "timer":
            it_is_time.set()
            stage.clock.advance(31)
        case "message":
            stage.write_to(stack_id)
        case "broadcast":
            stage.ask(SendStackMessage(new_message(stage.stack(other), None, "news", stage.clock.now())))
        case "todo":
            stage.add_todo(stack_id, "first: a")
        case "command":
            stage.tell(stack_id, Command.RESUME)
    stage.wait_for(CycleFinished, stack_id)

    assert len(stage.committed(stack_id)) == 1


def test_a_question_wakes_nobody(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    passivate(stage)
    for _ in range(3):
        stage.status(stack_id)

    assert stage.load().active_stacks == 0


def test_no_message_is_lost_while_stacks_go_to_rest(set_stage, hurried_threads):
    # Each rests as soon as it has nothing to do, so that every message meets one that is about to.
    stage = set_stage(clock=SystemClock(), passivate_after=0.0, agents=4)
    ids = [stage.create(name=f"stack {number}") for number in range(4)]
    answers = []

    def write(stack_id):
        for number in range(100):
            message = new_user_message(stack_id, "ann", f"{number}?", time.time())
            answers.append(stage.ref.ask(SendUserMessage(message), block=False))
            if number % 4 == 0:
                answers[-1].get(timeout=WAIT)
                stage.status(stack_id)

    writers = [threading.Thread(target=write, args=(stack_id,)) for stack_id in ids]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(WAIT)
    for stack_id in ids:
        until(lambda stack_id=stack_id: len(stage.committed(stack_id)) >= 100, "all answers")

    for stack_id in ids:
        messages = stage.user_messages(stack_id)
        assert [m.answer for m in messages] == ["yes, ann"] * 100
        assert stage.committed(stack_id) == ["answered"] * 100
    until(lambda: stage.load().active_stacks == 0, "the passivation of all")


def test_no_command_is_lost_while_stacks_go_to_rest(set_stage, hurried_threads):
    stage = set_stage(clock=SystemClock(), passivate_after=0.0)
    stack_id = stage.create()
    for number in range(300):
        command = (Command.PAUSE, Command.RESUME)[number % 2]
        wanted = (ExecutionState.PAUSED, ExecutionState.RUNNING)[number % 2]
        assert stage.tell(stack_id, command).state is wanted
        assert stage.status(stack_id).stack.state is wanted
    until(lambda: stage.load().active_stacks == 0, "the passivation")


def test_many_stacks_need_no_more_threads_than_few(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles(), agents=4, settings=Settings())
    before = threading.active_count()
    ids = [stage.create("first: a", name=f"stack {number}") for number in range(300)]
    most = before
    for stack_id in ids:
        stage.wait_rest(stack_id)
        most = max(most, threading.active_count())

    assert stage.load().active_stacks == 300
    # Two for control, one more while one of them waits, and one for each of the four agents.
    assert most <= before + 4 + 2 + 1
    assert all(stage.committed(stack_id) == ["first: a"] for stack_id in ids)
    passivate(stage)
    assert stage.load().sleeping_stacks == 300
