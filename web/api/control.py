"""Execution control: start, pause, resume and stop stacks, one, several, or all at once."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from pykka import ActorDeadError

from recursor.actors.messages import ControlAll, ControlStack
from recursor.domain.commands import Command
from recursor.domain.errors import RecursorError
from recursor.domain.stack import Stack
from recursor.storage.stack_names import find_stack
from recursor.web.api.answers import problems
from recursor.web.api.bodies import ControlStacks
from recursor.web.api.models import Controlled, ControlReport
from recursor.web.api.parameters import StackId
from recursor.web.engine import Engine, TheEngine
from recursor.web.problems import Problem, problem, problem_of

router = APIRouter(prefix="/api", tags=["control"])

_STEERING = problems(404, 409, 507)


@router.post("/control", responses=problems(400, 413, 415))
async def control_stacks(body: ControlStacks, engine: TheEngine) -> ControlReport:
    """Give a command to several stacks, or to all that it would change.

    Each stack is handled separately: a failure does not affect the others, and its result has the problem.
    """
    if body.stacks == "all":
        answers: dict[str, object] = await engine.ask(ControlAll(body.command, None))
        return _report(_result(stack_id, answer) for stack_id, answer in answers.items())
    results = _find(engine, body.stacks)
    found = tuple(stack_id for stack_id, unknown in results.items() if unknown is None)
    answers = {}
    if found:
        try:
            answers = await engine.ask(ControlAll(body.command, found))
        except (ActorDeadError, TimeoutError):
            why = "the orchestrator did not answer: check the stack, and try again"
            answers = dict.fromkeys(found, problem("too-slow", 503, "No answer", why))
    return _report(unknown or _result(named, answers[named]) for named, unknown in results.items())


@router.post("/stacks/{stack_id}/start", responses=_STEERING)
async def start_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Start a stack that is idle or stopped."""
    return await _control(engine, stack_id, Command.START)


@router.post("/stacks/{stack_id}/pause", responses=_STEERING)
async def pause_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Pause a stack: running agents finish, no others start."""
    return await _control(engine, stack_id, Command.PAUSE)


@router.post("/stacks/{stack_id}/resume", responses=_STEERING)
async def resume_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Resume a paused stack."""
    return await _control(engine, stack_id, Command.RESUME)


@router.post("/stacks/{stack_id}/stop", responses=_STEERING)
async def stop_stack(stack_id: StackId, engine: TheEngine) -> Stack:
    """Stop a stack and cancel its running agents."""
    return await _control(engine, stack_id, Command.STOP)


async def _control(engine: Engine, stack_id: str, command: Command) -> Stack:
    stack: Any = await engine.ask(ControlStack(stack_id, command))
    assert isinstance(stack, Stack)
    return stack


def _find(engine: Engine, named: Iterable[str]) -> dict[str, Controlled | None]:
    """Return the ids of the named stacks; for a name without a stack, the name with its problem."""
    found: dict[str, Controlled | None] = {}
    with engine.read() as reader:
        for name in named:
            try:
                found[find_stack(reader, name)] = None
            except RecursorError as error:
                found[name] = Controlled(id=name, problem=problem_of(error))
    return found


def _report(controlled: Iterable[Controlled]) -> ControlReport:
    results = tuple(controlled)
    failed = sum(result.problem is not None for result in results)
    return ControlReport(done=len(results) - failed, failed=failed, results=results)


def _result(stack_id: str, answer: object) -> Controlled:
    if isinstance(answer, Problem):
        return Controlled(id=stack_id, problem=answer)
    if isinstance(answer, RecursorError):
        return Controlled(id=stack_id, problem=problem_of(answer))
    assert isinstance(answer, Stack)
    return Controlled(id=stack_id, stack=answer)
