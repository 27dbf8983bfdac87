"""Removes records that stacks no longer need: old history, and unreadable records."""

import asyncio
import base64
from typing import Annotated

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from recursor.actors.messages import Prune, PruneBroadcasts, Repair
from recursor.domain.settings import RetentionSettings
from recursor.domain.stack import StackKind
from recursor.storage.repairing import REMOVABLE, Unreadable, find_unreadable
from recursor.storage.retention import Pruned
from recursor.storage.stacks import read_stack
from recursor.storage.tables import ARTIFACTS, BROADCASTS, EXECUTIONS, MESSAGES, TODOS, TRACES, USER_MESSAGES
from recursor.web.api.answers import problems
from recursor.web.api.bodies import Body, Switch
from recursor.web.api.models import Removed, Repaired, UnreadableRecord
from recursor.web.api.parameters import StackId
from recursor.web.engine import TheEngine
from recursor.web.repositories import prune_repository

router = APIRouter(prefix="/api", tags=["stacks"])

_RESPONSES = problems(400, 404, 409, 413, 415, 507)

# The public names of the records that `Pruned` counts. Executions go with their graphs.
_KINDS = {
    EXECUTIONS.name: "executions",
    TRACES.name: "traces",
    TODOS.name: "todos",
    MESSAGES.name: "messages",
    USER_MESSAGES.name: "user_messages",
    ARTIFACTS.name: "artifacts",
    BROADCASTS: "broadcasts",
}
_COUNTED = ("executions", "traces", "todos", "messages", "user_messages", "artifacts")


def _number(value: object) -> object:
    """Refuse what pydantic, but not JSON, takes for a number; 3.0 is a whole number in JSON."""
    if isinstance(value, bool | str):
        raise ValueError("should be a number")
    return value


class HowMuch(Body):
    """Limits for a stack's history; omitted limits come from the stack's settings."""

    days: Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_number)] | None = None
    """Remove records older than this many days."""
    keep: Annotated[int, Field(ge=1), BeforeValidator(_number)] | None = None
    """Keep this many of the newest records of each kind."""
    dry_run: Switch = False
    """Only count the records."""


class Trial(Body):
    """Options of a repair."""

    dry_run: Switch = False
    """Only list the records."""


@router.post("/stacks/{stack_id}/prune", responses=_RESPONSES)
async def prune_stack(stack_id: StackId, body: HowMuch, engine: TheEngine) -> Removed:
    """Remove old history of a stack, and what runs have left; pack its repository."""
    with engine.read() as reader:
        stack = read_stack(reader, stack_id)
    kept = _kept(engine.settings.overridden(stack.settings).retention, body)
    pruned: Pruned = await engine.ask(Prune(stack_id, kept, body.dry_run))
    runs, disk_bytes = 0, 0
    if stack.kind is StackKind.WORKSPACE and engine.data is not None:
        runs, disk_bytes = await asyncio.to_thread(prune_repository, engine, stack_id, dry_run=body.dry_run)
    return _removed(pruned).but(id=stack_id, name=stack.name, runs=runs, disk_bytes=disk_bytes)


@router.post("/stacks/{stack_id}/repair", responses=_RESPONSES)
async def repair_stack(stack_id: StackId, body: Trial, engine: TheEngine) -> Repaired:
    """Remove unreadable records of a stack, so that it can run again. It must be paused."""
    with engine.read() as reader:
        stack = read_stack(reader, stack_id)

    unreadable = await asyncio.to_thread(lambda: [*find_unreadable(engine.read, stack_id)])
    found = [each for each in unreadable if each.table in REMOVABLE]
    if found and not body.dry_run:
        removed = await engine.ask(Repair(stack_id, tuple((each.table, each.key) for each in found)))
        found = [each for each in found if (each.table, each.key) in removed]
    return Repaired(
        id=stack_id,
        name=stack.name,
        records=tuple(map(_as_text, found)),
        left=tuple(each.problem for each in unreadable if each.table not in REMOVABLE),
    )


def _as_text(record: Unreadable) -> UnreadableRecord:
    return UnreadableRecord(
        table=record.table,
        key=record.key.decode(errors="replace"),
        problem=record.problem,
        value=base64.b64encode(record.value).decode(),
    )


@router.post("/prune", responses=_RESPONSES)
async def prune_broadcasts(body: Trial, engine: TheEngine) -> Removed:
    """Remove broadcasts that all stacks have read, and old sums over all stacks."""
    return _removed(await engine.ask(PruneBroadcasts(body.dry_run)))


def _kept(settings: RetentionSettings, body: HowMuch) -> RetentionSettings:
    counts = {} if body.keep is None else dict.fromkeys(_COUNTED, body.keep)
    ages = {} if body.days is None else {"days": body.days, "contents_days": body.days}
    return settings.but(**counts, **ages)


def _removed(pruned: Pruned) -> Removed:
    return Removed(
        removed={name: pruned.records[table] for table, name in _KINDS.items()}, bytes=pruned.bytes
    )
