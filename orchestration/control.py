"""Execution control: the effect of start, pause, resume and stop on a stack."""

from collections.abc import Mapping

from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.unattended import begun_anew

IDLE, RUNNING, PAUSED, STOPPED = (
    ExecutionState.IDLE,
    ExecutionState.RUNNING,
    ExecutionState.PAUSED,
    ExecutionState.STOPPED,
)


CONCERNED: Mapping[Command, frozenset[ExecutionState]] = {
    Command.START: frozenset({IDLE, STOPPED}),
    Command.PAUSE: frozenset({RUNNING}),
    Command.RESUME: frozenset({PAUSED}),
    Command.STOP: frozenset({RUNNING, PAUSED}),
}
"""The states that a command to all stacks changes."""


def control(stack: Stack, command: Command, now: float, reason: str | None = None) -> Stack:
    """Return the stack after a command; unchanged if it is already in the wanted state.

    Args:
        stack: the stack before.
        command: the command.
        now: seconds since the epoch, UTC.
        reason: the reason, unless a person simply asked for it.

    Raises:
        ConflictError: the stack's state does not allow it; the text names the command to use.
    """
    match command, stack.state:
        case (Command.START | Command.RESUME, ExecutionState.RUNNING):
            return stack
        case (Command.PAUSE, ExecutionState.PAUSED) | (Command.STOP, ExecutionState.STOPPED):
            return stack
        case Command.START, ExecutionState.IDLE | ExecutionState.STOPPED:
            return _started(stack, now)
        case Command.PAUSE, ExecutionState.RUNNING:
            return stack.but(state=PAUSED, state_reason=reason, out_of_budget=None, paused_at=now)
        case Command.RESUME, ExecutionState.PAUSED:
            return _resumed(stack, now)
        case Command.STOP, _:
            return _stopped(stack, now, reason)
        case Command.START, ExecutionState.PAUSED:
            raise ConflictError(f"stack {stack.name} is paused: resume it, or stop it and start again")
        case _:
            raise ConflictError(f"stack {stack.name} is {stack.state}, nothing to {command}: start it")


def _started(stack: Stack, now: float) -> Stack:
    return begun_anew(stack).but(
        state=RUNNING,
        state_reason=None,
        out_of_budget=None,
        started_at=now,
        paused_at=None,
        resumed_at=None,
        stopped_at=None,
        total_cycles=0,
        failures_in_a_row=0,
        fruitless_in_a_row=0,
        next_look_at=now,
    )


def _resumed(stack: Stack, now: float) -> Stack:
    return begun_anew(stack).but(
        state=RUNNING,
        state_reason=None,
        out_of_budget=None,
        resumed_at=now,
        failures_in_a_row=0,
        fruitless_in_a_row=0,
        next_look_at=now,
    )


def _stopped(stack: Stack, now: float, reason: str | None) -> Stack:
    return stack.but(
        state=STOPPED,
        state_reason=reason,
        out_of_budget=None,
        stopped_at=now,
        epoch=stack.epoch + 1,
        next_look_at=None,
    )
