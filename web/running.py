"""Which agents of listed stacks really run: the store knows only that they have been given work."""

import asyncio
from collections.abc import Sequence

from pykka import ActorDeadError

from recursor.actors.messages import GetStatus, StackStatus
from recursor.domain.errors import RecursorError
from recursor.storage.stack_listing import ActiveRole, StackListed
from recursor.web.engine import Engine

# An orchestrator answers in milliseconds. One that does not tells nobody who runs.
_SECONDS = 5.0


async def with_running(engine: Engine, stacks: Sequence[StackListed]) -> tuple[StackListed, ...]:
    """Return listed stacks with the agents that run now, and those that wait for a slot.

    Args:
        engine: knows whether agents run at all.
        stacks: as the store has them.
    """
    return tuple(await asyncio.gather(*(_with_running(engine, stack) for stack in stacks)))


async def _with_running(engine: Engine, stack: StackListed) -> StackListed:
    if not stack.running:
        return stack
    if not engine.runs_agents:
        return stack.but(running=(), waits="no runner is up")
    try:
        status: StackStatus = await engine.ask(GetStatus(stack.id), _SECONDS)
    except (TimeoutError, ActorDeadError, RecursorError):
        return stack.but(running=())
    running = [
        ActiveRole(role=each.role, todo_id=each.todo_id, reason=each.reason, since=each.since)
        for each in status.running
    ]
    return stack.but(running=tuple(running))
