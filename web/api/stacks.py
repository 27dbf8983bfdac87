"""Stacks: create, find, show, configure and delete them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from recursor.actors.messages import (
    ConfigureStack,
    CreateStack,
    DeleteStack,
    GetStatus,
    GetWork,
    RenameStack,
    StackStatus,
)
from recursor.domain.agent_state import AgentState
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_idea, new_stack, new_workspace
from recursor.domain.stack import ExecutionState, Phase, Stack, StackKind
from recursor.domain.work import WorkReport
from recursor.storage.overview import Overview, overview
from recursor.storage.queries import agent_states
from recursor.storage.stack_listing import LONGEST_SEARCH, StackFilter, StackOrder, StackPage, list_page
from recursor.web.api.answers import CREATING, ON_ONE, WRITING, problems
from recursor.web.api.bodies import NewName, NewStack
from recursor.web.api.idempotency import ByKey
from recursor.web.api.overrides import SettingsPatch
from recursor.web.api.parameters import USUAL_PAGE, Limit, StackId
from recursor.web.engine import Engine, TheEngine
from recursor.web.repositories import check_new_workspace
from recursor.web.running import with_running

router = APIRouter(prefix="/api/stacks", tags=["stacks"])

# With more stacks than this, other requests are answered while they are listed.
_LISTED_AT_ONCE = 2_000


@router.post("", status_code=201, responses=CREATING)
async def create_stack(
    body: NewStack,
    response: Response,
    engine: TheEngine,
    creation: ByKey,
) -> Stack:
    """Create a stack, optionally with an idea, and optionally start it.

    The repository of a workspace is made or cloned by its first run.
    """
    now = engine.now()
    kind = body.kind or (StackKind.PAGE if body.repo is None else StackKind.WORKSPACE)
    stack = new_stack(body.name, now, body.settings, kind)
    workspace = None
    if kind is StackKind.WORKSPACE:
        workspace = new_workspace(stack, body.repo, now, body.branch)
        await run_in_threadpool(check_new_workspace, engine, stack, workspace)
    elif body.repo is not None or body.branch is not None:
        given = "branch" if body.repo is None else "repo"
        raise InvalidInputError(f"{given}: a stack of the kind page has no repository: leave it out")
    idea = None if body.idea is None else new_idea(stack.id, body.idea, now)
    if idea is not None:
        idea = engine.understood(idea, stack.settings, workspace)
    async with creation.stack(body) as stack_id:
        stack = stack.but(id=stack_id)
        idea = None if idea is None else idea.but(stack_id=stack_id)
        workspace = None if workspace is None else workspace.but(stack_id=stack_id)
        made: Stack = await engine.ask(CreateStack(stack, idea, body.start, workspace))
    response.headers["location"] = f"{router.prefix}/{made.id}"
    return made


@router.get("")
async def list_stacks(
    request: Request,
    engine: TheEngine,
    state: Annotated[list[ExecutionState], Query(description="Only these states; repeatable")] = [],  # noqa: B006
    phase: Annotated[list[Phase], Query(description="Only these phases; repeatable")] = [],  # noqa: B006
    search: Annotated[
        str,
        Query(
            max_length=LONGEST_SEARCH,
            description="Words that must occur in the name, idea or title, or begin the id",
            examples=["garden"],
        ),
    ] = "",
    sort: Annotated[StackOrder, Query(description="The order")] = StackOrder.ACTIVITY,
    limit: Limit = USUAL_PAGE,
    cursor: Annotated[
        str, Query(max_length=2_000, description="The `next` of the previous page, in the same order")
    ] = "",
) -> StackPage:
    """List stacks with their current work and their last 24 hours."""
    which = StackFilter(frozenset(state), frozenset(phase), search)
    # It reads all stacks, a microsecond or more each; a thread costs milliseconds on a busy processor.
    if request.app.state.stacks_listed <= _LISTED_AT_ONCE:
        page = _page(engine, which, sort, limit, cursor or None)
    else:
        page = await run_in_threadpool(_page, engine, which, sort, limit, cursor or None)
    request.app.state.stacks_listed = page.total
    return page.but(items=await with_running(engine, page.items))


@router.get("/{stack_id}", responses=ON_ONE)
async def get_stack(stack_id: StackId, engine: TheEngine) -> Overview:
    """Show a stack with its project, counts and agents."""
    with engine.read() as reader:
        return overview(reader, stack_id)


@router.patch("/{stack_id}", responses=WRITING)
async def rename_stack(stack_id: StackId, body: NewName, engine: TheEngine) -> Stack:
    """Rename a stack."""
    renamed: Stack = await engine.ask(RenameStack(stack_id, body.name))
    return renamed


@router.delete("/{stack_id}", status_code=204, responses=problems(404, 409, 507))
async def delete_stack(stack_id: StackId, engine: TheEngine) -> None:
    """Delete a stack and all its records."""
    await engine.ask(DeleteStack(stack_id))


@router.patch("/{stack_id}/settings", responses=WRITING)
async def configure_stack(stack_id: StackId, changes: SettingsPatch, engine: TheEngine) -> Stack:
    """Override settings for a stack; null removes an override (a merge patch, RFC 7396)."""
    made: Stack = await engine.ask(ConfigureStack(stack_id, changes))
    return made


@router.get("/{stack_id}/status", responses=ON_ONE)
async def get_stack_status(stack_id: StackId, engine: TheEngine) -> StackStatus:
    """Show the current work of a stack."""
    status: StackStatus = await engine.ask(GetStatus(stack_id))
    return status


@router.get("/{stack_id}/work", responses=ON_ONE)
async def get_work(stack_id: StackId, engine: TheEngine) -> WorkReport:
    """Show which roles have work, their priority and the reason."""
    report: WorkReport = await engine.ask(GetWork(stack_id))
    return report


@router.get("/{stack_id}/agents", responses=ON_ONE)
async def list_agents(stack_id: StackId, engine: TheEngine) -> tuple[AgentState, ...]:
    """Show the state of a stack's agents, by role."""
    with engine.read() as reader:
        return tuple(agent_states(reader, stack_id))


def _page(engine: Engine, which: StackFilter, order: StackOrder, limit: int, cursor: str | None) -> StackPage:
    with engine.read() as reader:
        return list_page(reader, engine.now(), which, order, limit, cursor)
