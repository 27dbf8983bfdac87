"""Traces: agents' thoughts and actions."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from recursor.domain.trace import Trace
from recursor.storage.trace_search import TracePage, search_traces
from recursor.web.api.answers import ON_ONE
from recursor.web.api.models import Page
from recursor.web.api.parameters import USUAL_PAGE, After, Limit, StackId
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/stacks/{stack_id}/traces", tags=["traces"])


class TraceListing(Page[Trace]):
    """Some of a stack's traces, newest first."""


@router.get("", responses=ON_ONE)
async def list_traces(
    stack_id: StackId,
    engine: TheEngine,
    role: Annotated[
        str, Query(pattern=r"^([a-z][a-z0-9_-]{0,39})?$", description="Only this role's traces")
    ] = "",
    text: Annotated[
        str,
        Query(
            max_length=200,
            description="Only traces with this text in the summary, thoughts, or kinds of effects",
        ),
    ] = "",
    limit: Limit = USUAL_PAGE,
    cursor: After = "",
) -> TraceListing:
    """List the traces of a stack's agents, newest first.

    A page with a `next` may be short or empty: the number of traces searched per request is limited.
    """

    def work() -> TracePage:
        with engine.read() as reader:
            return search_traces(
                reader, stack_id, role=role or None, text=text or None, limit=limit, before=cursor or None
            )

    # Matching traces may be far apart.
    page = await run_in_threadpool(work)
    return TraceListing(items=page.traces, next=page.before)
