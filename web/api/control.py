"""Execution control: start, pause, resume and stop stacks, one, several, or all at once."""

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from pykka import ActorDeadError

from recursor.actors.messages import ControlStack
from recursor.domain.errors import RecursorError
from recursor.domain.stack import Stack
from recursor.orchestration.control import CONCERNED, Command
from recursor.storage.waking import ids_in_states
from recursor.web.api.answers import problems
from recursor.web.api.bodies import ControlStacks
from recursor.web.api.parameters import StackId
from recursor.web.engine import Engine, TheEngine
from recursor.web.problems import Problem, problem, problem_of

router = APIRouter(prefix="/api", tags=["control"])

# Commits are grouped: many commands at a time take hardly longer than one.
_AT_A_TIME = 100

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
    if isinstance(body.stacks, str):
        with engine.read() as reader:
            wanted: Iterable[str] = ids_in_states(reader, CONCERNED[body.command])
    else:
        wanted = dict.fromkeys(body.stacks)
    places = asyncio.Semaphore(_AT_A_TIME)

    async def one(stack_id: str) -> Controlled:
        async with places:
            return await _controlled(engine, stack_id, body.command)

    results = tuple(await asyncio.gather(*map(one, wanted)))
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


async def _controlled(engine: Engine, stack_id: str, command: Command) -> Controlled:
    try:
        return Controlled(id=stack_id, stack=await _control(engine, stack_id, command))
    except RecursorError as error:
        return Controlled(id=stack_id, problem=problem_of(error))
    except (ActorDeadError, TimeoutError):
        why = "the orchestrator did not answer: look at the stack, and try again"
        return Controlled(id=stack_id, problem=problem("too-slow", 503, "No answer", why))
