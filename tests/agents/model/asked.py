"""What the tests ask a model for."""

from typing import Any

from pydantic import BaseModel

from recursor.agents.model.asking import Reply, ask
from recursor.domain.agent import Run
from tests.making import make_snapshot
from tests.model_stub.answers import Answer


class Plan(BaseModel):
    """What is asked for."""

    title: str
    steps: list[str]


TEA = Plan(title="Tea", steps=["boil", "pour"])
GOOD = Answer(arguments=TEA.model_dump())


def plan(run: Run, **given: Any) -> Reply[Plan]:
    """Ask for a plan."""
    asked = {"instructions": "You plan.", "prompt": "Plan tea.", **given}
    return ask(run, make_snapshot(), output=Plan, **asked)
