"""Execution control: start, pause, resume and stop stacks, one, several, or all at once."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from pykka import ActorDeadError

from recursor.actors.messages import ControlAll, ControlStack
from recursor.domain.commands import Command
from recursor.domain.errors import RecursorError
from recursor.domain.stack import Stack
from recursor.web.api.answers import problems
from recursor.web.api.bodies import ControlStacks
from recursor.web.api.parameters import StackId
from recursor.web.engine import Engine, TheEngine
from recursor.web.problems import Problem, problem, problem_of

router = APIRouter(prefix="/api", tags=["control"])

_STEERING = problems(404, 409, 507)


class Controlled(BaseModel):
    """What became of a command for one stack: the stack, or why it was not done."""

    id: str
    stack: Stack | None = None
    problem: Problem | None = None


class ControlReport(BaseModel):
    """What became of a command for several stacks."""

    done: int
    failed: int
    results: tuple[Controlled, ...]
    """One for each, in the order in which they were named."""


@router.post("/control", responses=problems(400, 413, 415))
async def control_stacks(body: ControlStacks, engine: TheEngine) -> ControlReport:
    """Give a command to several stacks, or to all that it makes a difference to.

    Each is done by itself: one that fails does not keep the others from it, and its result has the problem.
    """
    wanted = None if body.stacks == "all" else tuple(dict.fromkeys(body.stacks))
    try:
        answers = await engine.ask(ControlAll(body.command, wanted))
    except (ActorDeadError, TimeoutError):
        if wanted is None:
            raise
        why = "the orchestrator did not answer: look at the stack, and try again"
        silent = problem("too-slow", 503, "No answer", why)
        results = tuple(Controlled(id=stack_id, problem=silent) for stack_id in wanted)
    else:
        results = tuple(_result(stack_id, answer) for stack_id, answer in answers.items())
    failed = sum(result.problem is not None for result in results)
    return ControlReport(done=len(results) - failed, failed=failed, results=results)


@router.post("/stacks/{stack_id}/start", responses=_STEERING)
async def start_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Start a stack that is idle or stopped, from the beginning."""
    return await _control(engine, stack_id, Command.START)


@router.post("/stacks/{stack_id}/pause", responses=_STEERING)
async def pause_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Start no more agents of a stack; those that run finish."""
    return await _control(engine, stack_id, Command.PAUSE)


@router.post("/stacks/{stack_id}/resume", responses=_STEERING)
async def resume_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Go on where a paused stack was paused."""
    return await _control(engine, stack_id, Command.RESUME)


@router.post("/stacks/{stack_id}/stop", responses=_STEERING)
async def stop_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Cancel what a stack is doing, and stop it."""
    return await _control(engine, stack_id, Command.STOP)


async def _control(engine: Engine, stack_id: str, command: Command) -> Stack:
    stack: Any = await engine.ask(ControlStack(stack_id, command))
    assert isinstance(stack, Stack)
    return stack


def _result(stack_id: str, answer: object) -> Controlled:
    if isinstance(answer, RecursorError):
        return Controlled(id=stack_id, problem=problem_of(answer))
    assert isinstance(answer, Stack)
    return Controlled(id=stack_id, stack=answer)
