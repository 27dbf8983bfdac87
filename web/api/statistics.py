"""Figures over time, of one stack and of all."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from recursor.domain.statistics import OrchestrationStats, SpanStats, TotalStats
from recursor.storage.queries import orchestration_stats, stats_series, total_stats
from recursor.storage.tables import ALL_STACKS
from recursor.web.api.answers import ON_ONE
from recursor.web.api.parameters import Since, StackId, Until
from recursor.web.engine import Engine, TheEngine

router = APIRouter(prefix="/api", tags=["statistics"])

DAY = 86_400.0

Span = Annotated[
    int, Query(ge=60, le=31 * 86_400, multiple_of=60, description="The length of each part, in seconds")
]


@router.get("/stats")
async def get_total_stats(engine: TheEngine, since: Since = None, until: Until = None) -> TotalStats:
    """Show the statistics of all stacks, to the minute; by default for the last 24 hours."""
    begin, end = _range(engine, since, until)
    with engine.read() as reader:
        return total_stats(reader, begin, end)


@router.get("/stats/series")
async def get_total_series(
    engine: TheEngine, since: Since = None, until: Until = None, seconds: Span = 3600
) -> tuple[SpanStats, ...]:
    """Show the statistics of all stacks as a series; by default for the last 24 hours, hour by hour."""
    return await run_in_threadpool(_series, engine, ALL_STACKS, since, until, seconds)


@router.get("/stacks/{stack_id}/stats", responses=ON_ONE)
async def get_stack_stats(
    stack_id: StackId, engine: TheEngine, since: Since = None, until: Until = None
) -> OrchestrationStats:
    """Show the statistics of a stack, to the minute; by default for the last 24 hours."""
    begin, end = _range(engine, since, until)
    with engine.read() as reader:
        return orchestration_stats(reader, stack_id, begin, end)


@router.get("/stacks/{stack_id}/stats/series", responses=ON_ONE)
async def get_stack_series(
    stack_id: StackId, engine: TheEngine, since: Since = None, until: Until = None, seconds: Span = 3600
) -> tuple[SpanStats, ...]:
    """Show the statistics of a stack as a series; by default for the last 24 hours, hour by hour."""
    return await run_in_threadpool(_series, engine, stack_id, since, until, seconds)


def _series(
    engine: Engine, stack_id: str, since: float | None, until: float | None, seconds: int
) -> tuple[SpanStats, ...]:
    with engine.read() as reader:
        return tuple(stats_series(reader, stack_id, *_range(engine, since, until), seconds))


def _range(engine: Engine, since: float | None, until: float | None) -> tuple[float, float]:
    end = engine.now() if until is None else until
    return (end - DAY if since is None else since), end
