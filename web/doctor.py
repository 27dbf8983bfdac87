"""The resource /api/doctor: problems, causes and remedies."""

import asyncio
import os
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from pykka import ActorDeadError

from recursor.actors.messages import GetLoad, GetStatus, OrchestratorLoad, StackStatus
from recursor.agents.model.model_checks import keyed_providers
from recursor.doctor.clocks import clock_step
from recursor.doctor.evidence import Condition, Evidence, Reach, RunnerEvidence
from recursor.doctor.examination import examine_stacks, look_around
from recursor.doctor.report import Report
from recursor.domain.errors import RecursorError
from recursor.storage.errors import StorageError
from recursor.storage.opening import MIGRATIONS
from recursor.storage.stack_names import find_stack
from recursor.web.api.answers import problems
from recursor.web.engine import Engine, TheEngine

router = APIRouter(prefix="/api/doctor", tags=["doctor"])

# A healthy orchestrator answers within milliseconds; a silent one should be reported soon.
ANSWER_SECONDS = 3.0

Named = Annotated[
    str | None,
    Query(max_length=300, description="A stack's id, the id's first digits, or its name; by default all."),
]


@router.get("", responses=problems(404, 409))
async def get_diagnosis(engine: TheEngine, stack: Named = None) -> Report:
    """Report problems, causes and remedies."""
    return await examine(engine, stack)


@router.get("/runner")
async def get_condition(engine: TheEngine) -> Condition:
    """Report facts that only the process that runs the stacks knows."""
    # It has that process's environment. A keyring may be slow.
    keyed = tuple(sorted(await asyncio.to_thread(keyed_providers)))
    return (await _load(engine)).but(keyed=keyed)


async def _load(engine: Engine) -> Condition:
    try:
        load = await engine.ask(GetLoad(), ANSWER_SECONDS)
    except TimeoutError:
        silence = f"the orchestrator did not answer within {ANSWER_SECONDS:g} s"
        return Condition(settings=engine.settings, silence=silence)
    except ActorDeadError:
        return Condition(settings=engine.settings, silence="the orchestrator has ended")
    except RecursorError as error:
        return Condition(settings=engine.settings, silence=str(error))
    assert isinstance(load, OrchestratorLoad)
    return Condition(settings=engine.settings, load=load)


async def examine(engine: Engine, named: str | None = None) -> Report:
    """Return the problems of all stacks, or of one, for pages and programs.

    Args:
        engine: the engine that runs them.
        named: a stack's id, the id's first digits, or its name.

    Raises:
        NotFoundError, AmbiguousError: `named` matches no stack, or several.
        StorageError: the store cannot be read.
    """
    found = await get_condition(engine)
    trouble = await _trouble(engine, named) if named is not None and found.load is not None else None
    # With many stacks this takes a second, during which other requests should be answered.
    return await asyncio.to_thread(
        lambda: examine_stacks(engine.read, _around(engine, found).but(trouble=trouble), named)
    )


async def _trouble(engine: Engine, named: str) -> str | None:
    """Return what keeps a stack from continuing, according to its supervisor."""
    with engine.read() as reader:
        stack_id = find_stack(reader, named)
    with suppress(TimeoutError, ActorDeadError, StorageError):
        status = await engine.ask(GetStatus(stack_id), ANSWER_SECONDS)
        assert isinstance(status, StackStatus)
        return status.trouble
    return None


def _around(engine: Engine, found: Condition) -> Evidence:
    """Return all facts that are not in the store, as far as they are visible here."""
    runner = RunnerEvidence(
        reach=Reach.UP if found.load is not None else Reach.SILENT,
        pid=os.getpid(),
        silence=found.silence,
        # Commands use the same channel as this process.
        commanded=True if found.load is not None else None,
        load=found.load,
    )
    if engine.data is None:
        return Evidence(now=engine.now(), settings=engine.settings, runner=runner, keyed=found.keyed)
    around = look_around(engine.data, engine.settings, engine.now())
    lock, store = around.lock, around.store
    if lock is not None and lock.held and lock.pid is not None and lock.started_at is not None:
        # The stacks may run in another process than this one.
        step = clock_step(lock.pid, lock.started_at)
        runner = runner.but(pid=lock.pid, started_at=lock.started_at, clock_step=step)
    if store is not None:
        store = store.but(schema_version=MIGRATIONS.latest, latest=MIGRATIONS.latest)
    return around.but(data=str(engine.data.absolute()), runner=runner, store=store, keyed=found.keyed)
