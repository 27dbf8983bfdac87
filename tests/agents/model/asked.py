"""What the tests ask a model for."""

from concurrent.futures import Future
from typing import Any

from pydantic import BaseModel

from recursor.agents.model.ask import ModelReply, ask
from recursor.domain.agent import Run
from tests.agents.model.loop import agent_loop
from tests.making import make_snapshot
from tests.model_stub.answers import Answer


class Plan(BaseModel):
    """What is asked for."""

    title: str
    steps: list[str]


TEA = Plan(title="Tea", steps=["boil", "pour"])
GOOD = Answer(arguments=TEA.model_dump())


def asking(run: Run, **given: Any) -> Future[ModelReply[Any]]:
    """Begin to ask for a plan, or another `output`."""
    said = {"instructions": "You plan.", "prompt": "Plan tea.", "output": Plan, **given}
    return agent_loop().begin(run, ask(run, make_snapshot(), **said))


def asked(run: Run, **given: Any) -> ModelReply[Any]:
    """Ask, and wait for the answer."""
    return asking(run, **given).result()


def plan(run: Run, **given: Any) -> ModelReply[Plan]:
    """Ask for a plan, and wait for it."""
    return asked(run, **given)
