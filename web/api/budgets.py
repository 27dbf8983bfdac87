"""What stacks may spend, and what they spent of it."""

from fastapi import APIRouter

from recursor.actors.messages import LimitAll
from recursor.domain.spending import Spending, StackSpending
from recursor.storage.budgets import runner_spending, stack_spending
from recursor.web.api.answers import ON_ONE, problems
from recursor.web.api.bodies import NewLimits
from recursor.web.api.parameters import StackId
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api", tags=["budgets"])


@router.get("/budget")
async def get_budget(engine: TheEngine) -> Spending:
    """Show the budget of all stacks and what they have spent, including deleted ones."""
    with engine.read() as reader:
        return runner_spending(reader, engine.runner, engine.now())


@router.patch("/budget", responses=problems(400, 413, 415, 507))
async def limit_all(limits: NewLimits, engine: TheEngine) -> Spending:
    """Limit what all stacks may spend together, from the next call of a model on.

    It holds over the runner's settings and is kept; null takes a limit back, and the settings hold again
    (a merge patch, RFC 7396). Stacks that were paused for it go on after they are resumed.
    """
    spending: Spending = await engine.ask(LimitAll(limits.changes()))
    return spending


@router.get("/stacks/{stack_id}/budget", responses=ON_ONE)
async def get_stack_budget(stack_id: StackId, engine: TheEngine) -> StackSpending:
    """Tell what a stack and each of its roles may spend, and what they spent.

    A budget is raised by `PATCH /api/stacks/{stack_id}/settings`, section `budget`; a stack that was paused
    for it goes on after `POST /api/stacks/{stack_id}/resume`.
    """
    with engine.read() as reader:
        return stack_spending(reader, stack_id, engine.settings, engine.runner, engine.now())
