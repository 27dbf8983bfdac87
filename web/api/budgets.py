"""What stacks may spend, and what they spent of it."""

from fastapi import APIRouter

from recursor.domain.spending import Spending, StackSpending
from recursor.storage.budgets import runner_spending, stack_spending
from recursor.web.api.answers import ON_ONE
from recursor.web.api.parameters import StackId
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api", tags=["budgets"])


@router.get("/budget")
async def get_budget(engine: TheEngine) -> Spending:
    """Tell what all stacks may spend together, and what they spent, deleted ones included."""
    with engine.read() as reader:
        return runner_spending(reader, engine.runner, engine.now())


@router.get("/stacks/{stack_id}/budget", responses=ON_ONE)
async def get_stack_budget(stack_id: StackId, engine: TheEngine) -> StackSpending:
    """Tell what a stack and each of its roles may spend, and what they spent.

    A budget is raised by `PATCH /api/stacks/{stack_id}/settings`, section `budget`; a stack that was paused
    for it goes on after `POST /api/stacks/{stack_id}/resume`.
    """
    with engine.read() as reader:
        return stack_spending(reader, stack_id, engine.settings, engine.runner, engine.now())
