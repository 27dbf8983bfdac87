"""What start, pause, resume and stop make of a stack in every state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError
from recursor.domain.stack import ExecutionState
from recursor.orchestration.control import IDLE, PAUSED, RUNNING, STOPPED, control
from tests.making import NOW, make_stack

START, PAUSE, RESUME, STOP = Command.START, Command.PAUSE, Command.RESUME, Command.STOP

TABLE: dict[tuple[ExecutionState, Command], ExecutionState | str] = {
    (IDLE, START): RUNNING,
    (IDLE, PAUSE): "stack garden is idle, nothing to pause: start it",
    (IDLE, RESUME): "stack garden is idle, nothing to resume: start it",
    (IDLE, STOP): STOPPED,
    (RUNNING, START): RUNNING,
    (RUNNING, PAUSE): PAUSED,
    (RUNNING, RESUME): RUNNING,
    (RUNNING, STOP): STOPPED,
    (PAUSED, START): "stack garden is paused: resume it, or stop it and start again",
    (PAUSED, PAUSE): PAUSED,
    (PAUSED, RESUME): RUNNING,
    (PAUSED, STOP): STOPPED,
    (STOPPED, START): RUNNING,
    (STOPPED, PAUSE): "stack garden is stopped, nothing to pause: start it",
    (STOPPED, RESUME): "stack garden is stopped, nothing to resume: start it",
    (STOPPED, STOP): STOPPED,
}


def test_the_table_has_every_state_and_command() -> None:
    assert set(TABLE) == {(state, command) for state in ExecutionState for command in Command}


@pytest.mark.parametrize(("state", "command"), TABLE)
def test_the_table(state: ExecutionState, command: Command) -> None:
    stack, expected = make_stack(state=state, total_cycles=7), TABLE[state, command]
    if isinstance(expected, ExecutionState):
        after = control(stack, command, NOW, "why")
        assert after.state is expected
        # A stack that is as wanted already comes back as it was, times and reason included.
        assert (after is stack) == (expected is state)
    else:
        with pytest.raises(ConflictError) as caught:
            control(stack, command, NOW)
        assert str(caught.value) == expected


@pytest.mark.parametrize("state", [IDLE, STOPPED])
def test_a_start_begins_afresh(state: ExecutionState) -> None:
    before = make_stack(
        state=state,
        state_reason="was stopped",
        total_cycles=9,
        last_cycle=12,
        failures_in_a_row=3,
        fruitless_in_a_row=2,
        paused_at=1.0,
        resumed_at=2.0,
        stopped_at=3.0,
        epoch=4,
    )
    after = control(before, START, NOW)
    assert (after.total_cycles, after.failures_in_a_row, after.fruitless_in_a_row) == (0, 0, 0)
    assert after.last_cycle == 12
    assert (after.started_at, after.next_look_at) == (NOW, NOW)
    assert (after.paused_at, after.resumed_at, after.stopped_at, after.state_reason) == (None,) * 4
    assert after.epoch == 4


def test_a_resume_forgives_failures_and_goes_on() -> None:
    before = make_stack(
        state=PAUSED,
        state_reason="5 failed cycles",
        total_cycles=9,
        failures_in_a_row=5,
        fruitless_in_a_row=2,
        started_at=1.0,
        paused_at=2.0,
        epoch=4,
        current_execution_id="abc",
    )
    after = control(before, RESUME, NOW)
    assert (after.failures_in_a_row, after.fruitless_in_a_row, after.state_reason) == (0, 0, None)
    assert (after.total_cycles, after.epoch, after.current_execution_id) == (9, 4, "abc")
    assert (after.started_at, after.paused_at, after.resumed_at, after.next_look_at) == (1.0, 2.0, NOW, NOW)


def test_a_pause_keeps_everything_and_its_reason() -> None:
    before = make_stack(total_cycles=9, failures_in_a_row=5, epoch=4, current_execution_id="abc")
    after = control(before, PAUSE, NOW, "the disk is full")
    assert (after.paused_at, after.state_reason) == (NOW, "the disk is full")
    assert (after.total_cycles, after.failures_in_a_row, after.epoch) == (9, 5, 4)
    assert after.current_execution_id == "abc"
    assert control(before, PAUSE, NOW).state_reason is None


@pytest.mark.parametrize("state", [IDLE, RUNNING, PAUSED])
def test_a_stop_makes_what_is_under_way_stale(state: ExecutionState) -> None:
    after = control(make_stack(state=state, epoch=4, next_look_at=NOW + 9), STOP, NOW, "enough")
    assert (after.epoch, after.stopped_at, after.next_look_at) == (5, NOW, None)
    assert after.state_reason == "enough"


@given(st.lists(st.sampled_from(Command), max_size=30))
def test_no_sequence_of_commands_leaves_the_table(commands: list[Command]) -> None:
    stack, stops = make_stack(state=IDLE), 0
    for number, command in enumerate(commands):
        before, expected = stack, TABLE[stack.state, command]
        if not isinstance(expected, ExecutionState):
            with pytest.raises(ConflictError):
                control(stack, command, NOW + number)
            continue
        stack = control(stack, command, NOW + number)
        stops += command is STOP and before.state is not STOPPED
        assert stack.state is expected
        assert stack.epoch == stops
        assert (stack.id, stack.name, stack.created_at) == (before.id, before.name, before.created_at)
        assert stack.last_cycle == before.last_cycle
        if stack.state is RUNNING and before.state is not RUNNING:
            assert stack.next_look_at == NOW + number
            stack = stack.but(total_cycles=3, last_cycle=3 + number, failures_in_a_row=2)
            if command is START:
                assert control(control(stack, STOP, NOW), START, NOW).total_cycles == 0
