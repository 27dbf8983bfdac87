"""The resource /api/sql: questions to the store's tables, in SQL."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from recursor.domain.errors import ConflictError
from recursor.storage.data_directory import store_directory
from recursor.storage.sql.process import ask_from_coroutine
from recursor.storage.sql.result import SqlResult
from recursor.web.api.bodies import Body
from recursor.web.engine import TheEngine
from recursor.web.problems import MEDIA_TYPE, Problem, problem

router = APIRouter(prefix="/api/sql", tags=["sql"])

# Longer than anybody writes, and short enough to be parsed at once.
_LONGEST_QUERY = 100_000

_RETRY_SECONDS = 1


class Query(Body):
    """A question in SQL."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=_LONGEST_QUERY,
            examples=["SELECT status, count(*) FROM orchestrator_executions GROUP BY status"],
        ),
    ]
    """One SELECT, in DuckDB's dialect."""


@router.post(
    "",
    responses={
        200: {"model": SqlResult},
        409: {"model": Problem, "description": "The runner keeps its store in memory"},
        422: {"model": Problem, "description": "Not one SELECT, or more than the limits allow"},
        503: {"model": Problem, "description": "Too many queries at a time"},
    },
    response_class=JSONResponse,
)
async def query(body: Query, engine: TheEngine, request: Request) -> Response:
    """Answer a query over all stacks' tables. It can only read, and only the tables.

    It runs in a process of its own that is ended when it takes longer, or more memory, than the settings
    allow.
    """
    if engine.data is None:
        raise ConflictError("sql: this runner keeps its store in memory: start one with a data directory")
    # Counted and compared in one step of the event loop: no lock is needed.
    running: set[object] = request.app.state.__dict__.setdefault("sql_queries", set())
    if len(running) >= engine.sql.at_a_time:
        return _busy(len(running))
    this = object()
    running.add(this)
    try:
        found = await ask_from_coroutine(store_directory(engine.data), body.query, engine.sql)
    finally:
        running.discard(this)
    return Response(found, media_type="application/json")


def _busy(running: int) -> Response:
    said = problem(
        "busy",
        503,
        "Too many queries",
        f"sql: as many queries run as may ({running}): try again when one has ended",
    )
    headers = {"retry-after": str(_RETRY_SECONDS)}
    return JSONResponse(said.model_dump(), said.status, headers, media_type=MEDIA_TYPE)
