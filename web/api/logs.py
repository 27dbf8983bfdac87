"""The resource /api/logs: the runner's log."""

from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.log import USUAL_LOG_PAGE, LogFilter, LogPage
from recursor.domain.record import iso
from recursor.storage.stack_names import find_stack
from recursor.web.api.answers import problems
from recursor.web.api.parameters import Limit, Since
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/logs", tags=["runner"])


@router.get("", responses=problems(409))
async def list_logs(
    engine: TheEngine,
    stack: Annotated[
        str,
        Query(
            max_length=300,
            description="Only records of this stack: its id, the id's first digits, or its name; also of "
            "a deleted stack",
        ),
    ] = "",
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Query(description="The lowest level")
    ] = "info",
    since: Since = None,
    limit: Limit = USUAL_LOG_PAGE,
    cursor: Annotated[
        str,
        Query(
            pattern=r"^([no]-[0-9a-f]{1,16}-[0-9]{1,15})?$",
            description="The `older` or the `newer` of another page; by default, the newest records",
        ),
    ] = "",
) -> LogPage:
    """List the runner's log, newest last.

    `older` leads to earlier records. To follow the log, ask again with `newer`.
    """
    source = engine.log
    if source is None:
        raise ConflictError("logs: this runner keeps its store in memory: start one with a data directory")

    def work() -> LogPage:
        stack_id = None
        with suppress(NotFoundError), engine.read() as reader:
            stack_id = find_stack(reader, stack) if stack else None
        which = LogFilter(level, stack_id, stack or None)
        return source.page(which.fits, cursor, None if since is None else iso(max(since, 0.0)), limit)

    return await run_in_threadpool(work)
