"""The resource /api/sql: SQL queries over the store's tables."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from recursor.domain.errors import ConflictError, InvalidInputError
from recursor.domain.process_settings import SqlSettings
from recursor.storage.data_directory import store_directory
from recursor.storage.sql.description import TableDescription, describe_tables
from recursor.storage.sql.process import ask
from recursor.storage.sql.result import SqlResult
from recursor.web.api.answers import problems, try_again
from recursor.web.api.bodies import Body
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/sql", tags=["sql"])

# Longer than anyone writes, and short enough to parse at once.
_LONGEST_QUERY = 100_000


class Query(Body):
    """A query in SQL."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=_LONGEST_QUERY,
            examples=["SELECT status, count(*) AS cycles FROM orchestrator_executions GROUP BY status"],
        ),
    ]
    """One SELECT, in DuckDB's dialect."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Most rows of the result, if these are fewer than the setting `sql.rows` allows."""
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Time limit in seconds, if that is less than the setting `sql.seconds` allows."""


@router.post(
    "", responses={200: {"model": SqlResult}, **problems(409, 413, 415)}, response_class=JSONResponse
)
async def ask_sql(body: Query, engine: TheEngine, request: Request) -> Response:
    """Answer a query over all stacks' tables. It can only read the tables.

    It runs in its own process, which is killed if it exceeds the time or memory in the settings.
    """
    if engine.data is None:
        raise ConflictError("sql: this runner keeps its store in memory: start one with a data directory")
    limits = _limits(body, engine.sql)
    # Checked and counted in one step of the event loop: no lock is needed.
    running: set[object] = request.app.state.sql_queries
    if len(running) >= engine.sql.at_a_time:
        detail = (
            f"sql: the limit of {len(running)} concurrent queries is reached: try again when one has ended"
        )
        return try_again("busy", "Too many queries", detail)
    this = object()
    running.add(this)
    try:
        found = await ask(store_directory(engine.data), body.query, limits)
    except asyncio.CancelledError:
        # The server is ending, and has waited long enough.
        return try_again("ending", "Ending", "sql: the runner is shutting down: start it again")
    finally:
        running.discard(this)
    return Response(found, media_type="application/json")


@router.get("/tables")
async def list_tables(engine: TheEngine) -> list[TableDescription]:
    """List the tables for queries, with their columns."""

    def work() -> list[TableDescription]:
        with engine.read() as reader:
            return describe_tables(reader)

    return await run_in_threadpool(work)


def _limits(body: Query, allowed: SqlSettings) -> SqlSettings:
    """Return the limits of a query.

    Raises:
        InvalidInputError: it asks for more than is allowed.
    """
    rows, seconds = body.rows or allowed.rows, body.seconds or allowed.seconds
    if rows > allowed.rows:
        raise InvalidInputError(
            f"query: {rows} rows are more than the {allowed.rows} that the runner's setting sql.rows "
            "allows: ask for fewer, or raise it"
        )
    if seconds > allowed.seconds:
        raise InvalidInputError(
            f"query: {seconds:g} s are more than the {allowed.seconds:g} s that the runner's setting "
            "sql.seconds allows: ask for less, or raise it"
        )
    return allowed.but(rows=rows, seconds=seconds)
