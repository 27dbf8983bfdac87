"""Budgets of stacks, and what was spent of them."""

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
    """Limit the spending of all stacks together, from the next model call on.

    The limits override the runner's settings and are kept; null removes one, so that the settings apply again
    (a merge patch, RFC 7396). Stacks paused for this budget continue after they are resumed.
    """
    spending: Spending = await engine.ask(LimitAll(limits.changes()))
    return spending


@router.get("/stacks/{stack_id}/budget", responses=ON_ONE)
async def get_stack_budget(stack_id: StackId, engine: TheEngine) -> StackSpending:
    """Show the budgets and the spending of a stack and each of its roles.

    To raise a budget, use `PATCH /api/stacks/{stack_id}/settings`, section `budget`; a stack paused for it
    continues after `POST /api/stacks/{stack_id}/resume`.
    """
    with engine.read() as reader:
        return stack_spending(reader, stack_id, engine.settings, engine.runner, engine.now())
