"""A stack's project: its idea, and the planner's description."""

from fastapi import APIRouter

from recursor.actors.messages import SetIdea
from recursor.domain.new_records import new_idea
from recursor.domain.project import ProjectIdea
from recursor.storage.lookups import find_idea
from recursor.storage.stacks import read_stack
from recursor.storage.tables import WORKSPACES
from recursor.web.api.answers import ON_ONE, WRITING
from recursor.web.api.bodies import NewIdea
from recursor.web.api.parameters import StackId
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/stacks/{stack_id}/idea", tags=["project"])


@router.get("", responses=ON_ONE)
async def get_idea(stack_id: StackId, engine: TheEngine) -> ProjectIdea:
    """Show the idea, and the planner's title, description and features."""
    with engine.read() as reader:
        return find_idea(reader, stack_id)


@router.put("", responses=WRITING)
async def set_idea(stack_id: StackId, body: NewIdea, engine: TheEngine) -> ProjectIdea:
    """Set a stack's idea. Existing plans stay until the planner changes them.

    If the team is scripted, `reading` lists which parts of the idea it recognises, and which not.
    """
    with engine.read() as reader:
        stack, workspace = read_stack(reader, stack_id), WORKSPACES.get(reader, stack_id)
    given = engine.understood(new_idea(stack_id, body.idea, engine.now()), stack.settings, workspace)
    idea: ProjectIdea = await engine.ask(SetIdea(given))
    return idea
