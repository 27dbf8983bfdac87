"""Executions: a stack's cycles, their graphs and costs."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from recursor.domain.execution import DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.storage.execution_listing import ExecutionFilter, executions_before
from recursor.storage.lookups import NEWEST, ExecutionInFull, find_execution, numbered
from recursor.storage.stacks import read_stack
from recursor.storage.tables import GRAPHS
from recursor.web.api.answers import ON_ONE
from recursor.web.api.models import Page
from recursor.web.api.parameters import USUAL_PAGE, After, ExecutionId, Limit, Since, StackId, Until, page_of
from recursor.web.engine import Engine, TheEngine

router = APIRouter(prefix="/api/stacks/{stack_id}", tags=["executions"])

_ID_DIGITS = 32


class ExecutionPage(Page[OrchestratorExecution]):
    """Some of a stack's cycles, newest first."""


class GraphPage(Page[ExecutionGraph]):
    """The graphs of some of a stack's cycles, newest first."""


@router.get("/executions", responses=ON_ONE)
async def list_executions(
    stack_id: StackId,
    engine: TheEngine,
    status: Annotated[list[ExecutionStatus], Query(description="Only these; repeatable")] = [],  # noqa: B006
    decision: Annotated[list[DecisionKind], Query(description="Only these; repeatable")] = [],  # noqa: B006
    since: Since = None,
    until: Until = None,
    limit: Limit = USUAL_PAGE,
    cursor: After = "",
) -> ExecutionPage:
    """List a stack's cycles, newest first."""
    which = ExecutionFilter(frozenset(status), frozenset(decision), since, until)
    if status or decision:
        # Matching cycles may be far apart.
        return await run_in_threadpool(_executions, engine, stack_id, which, limit, cursor)
    return _executions(engine, stack_id, which, limit, cursor)


@router.get("/executions/{execution_id}", responses=ON_ONE)
async def get_execution(stack_id: StackId, execution_id: ExecutionId, engine: TheEngine) -> ExecutionInFull:
    """Show one cycle with its graph and cost."""
    with engine.read() as reader:
        if len(execution_id) == _ID_DIGITS:
            return find_execution(reader, stack_id, execution_id)
        cycles = executions_before(reader, stack_id, ExecutionFilter())
        if execution_id == NEWEST:
            found = next(cycles, None) or numbered((), 1, stack_id)
        else:
            found = numbered(cycles, int(execution_id), stack_id)
        return find_execution(reader, stack_id, found.id)


@router.get("/graphs", responses=ON_ONE)
async def list_graphs(
    stack_id: StackId, engine: TheEngine, limit: Limit = 10, cursor: After = ""
) -> GraphPage:
    """List the execution graphs of a stack's cycles, newest first."""
    with engine.read() as reader:
        read_stack(reader, stack_id)
        items, after = page_of(GRAPHS.before(reader, stack_id, cursor), limit)
    return GraphPage(items=items, next=after)


def _executions(
    engine: Engine, stack_id: str, which: ExecutionFilter, limit: int, cursor: str
) -> ExecutionPage:
    with engine.read() as reader:
        items, after = page_of(executions_before(reader, stack_id, which, cursor), limit)
    return ExecutionPage(items=items, next=after)
