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


def asked(run: Run, **given: Any) -> Reply[Any]:
    """Ask."""
    return ask(run, make_snapshot(), **{"instructions": "You plan.", "prompt": "Plan tea.", **given})


def plan(run: Run, **given: Any) -> Reply[Plan]:
    """Ask for a plan."""
    return asked(run, output=Plan, **given)
