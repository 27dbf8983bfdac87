"""Commands to all stacks: one barrier, after which nothing begins."""

import pytest

from recursor.actors.messages import ControlAll
from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import CycleFinished, StackChanged
from recursor.domain.stack import ExecutionState
from tests.actors.stage import Cast, Gate, finish_todo, until

STACKS, SLOTS = 300, 8


@pytest.mark.parametrize("command", [Command.STOP, Command.PAUSE])
def test_when_all_stop_no_agent_begins_after_the_command_has_come(set_stage, monkeypatch, command):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), agents=SLOTS)
    ids = [stage.create("first: a", "second: b", name=f"stack {number}") for number in range(STACKS)]
    for _ in range(SLOTS):
        gate.wait_entered()
    until(lambda: stage.load().agents_queued == STACKS - SLOTS, "all the others to wait for a slot")

    # The agents that have begun make room as soon as the command has come, before anybody has obeyed.
    pool = stage.ref._actor_weakref()._runtime.agents
    hold = pool.hold
    monkeypatch.setattr(pool, "hold", lambda: (hold(), gate.open()))
    answers = stage.ask(ControlAll(command))
    assert set(answers) == set(ids)
    state = ExecutionState.STOPPED if command is Command.STOP else ExecutionState.PAUSED
    assert {stack.state for stack in answers.values()} == {state}
    until(lambda: stage.load().agents_running == 0, "the end of those that had begun")
    until(lambda: stage.load().agents_queued == 0, "the end of those that waited")
    stage.clock.advance(1000)
    assert len(cast.first.runs) == SLOTS
    assert not cast.second.runs

    # The barrier is taken down when all have obeyed.
    cast.first.act = finish_todo
    again = Command.START if command is Command.STOP else Command.RESUME
    assert len(stage.ask(ControlAll(again))) == STACKS
    for stack_id in ids:
        stage.wait_for(
            CycleFinished, stack_id, where=lambda e: e.status == "completed" and e.number in (1, 2)
        )
    assert len(cast.second.runs) == STACKS


def test_stacks_whose_agents_run_stop_first(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), agents=SLOTS)
    running = [stage.create("first: a", name=f"running {number}") for number in range(SLOTS)]
    for _ in range(SLOTS):
        gate.wait_entered()
    waiting = [stage.create("first: a", name=f"waiting {number}") for number in range(8 * SLOTS)]
    until(lambda: stage.load().agents_queued == len(waiting), "all the others to wait for a place")
    assert len(stage.ask(ControlAll(Command.STOP))) == 9 * SLOTS
    told = [each.stack_id for each in stage.events(StackChanged) if each.state is ExecutionState.STOPPED]
    # One of the others may come in between, so that nobody is starved.
    assert set(running) <= set(told[: SLOTS + 1])
    assert all(run.cancelled.is_set() for run in cast.first.runs)
    gate.open()


def test_all_are_those_that_it_makes_a_difference_to(set_stage):
    stage = set_stage()
    idle, running, paused = (stage.create(name=name, start=name != "i") for name in "irp")
    stage.tell(paused, Command.PAUSE)
    assert set(stage.ask(ControlAll(Command.PAUSE))) == {running}
    assert set(stage.ask(ControlAll(Command.RESUME))) == {running, paused}
    assert idle not in stage.ask(ControlAll(Command.STOP))
    assert stage.stack(idle).state is ExecutionState.IDLE
    assert stage.ask(ControlAll(Command.PAUSE)) == {}


def test_some_may_be_named_and_each_has_its_own_answer(set_stage):
    stage = set_stage()
    idle, running = stage.create(start=False), stage.create(name="yard")
    answers = stage.ask(ControlAll(Command.PAUSE, [idle, running, "lost"]))
    assert isinstance(answers[idle], ConflictError)
    assert answers[running].state is ExecutionState.PAUSED
    assert isinstance(answers["lost"], NotFoundError)
    # Whatever became of it, agents begin again.
    stage.tell(running, Command.RESUME)
    stage.add_todo(running, "first: a")
    stage.wait_for(CycleFinished, running)
