"""The teams that come with Recursor."""

from collections.abc import Callable, Mapping
from functools import cache

from recursor.agents.scripted.builder import Builder
from recursor.agents.scripted.communicator import Communicator
from recursor.agents.scripted.planner import Planner
from recursor.agents.scripted.reviewer import Reviewer
from recursor.domain.agent import Agent, Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import SCRIPTED
from recursor.domain.snapshot import Snapshot


def scripted_agents() -> Mapping[str, Agent]:
    """Return the scripted team by role: it needs no key and no network, and keeps nothing between its runs.

    One set of agents can serve any number of stacks, from any number of threads.
    """
    return {
        "planner": Planner(),
        "builder": Builder(),
        "communicator": Communicator(),
        "reviewer": Reviewer(),
    }


@cache
def model_agents() -> Mapping[str, Agent]:
    """Return the team that asks models, by role; likewise for any number of stacks and threads."""
    # It brings the providers' SDKs, which a team of scripted agents is not to wait for.
    from recursor.agents.model.builder import Builder as ModelBuilder
    from recursor.agents.model.communicator import Communicator as ModelCommunicator
    from recursor.agents.model.planner import Planner as ModelPlanner
    from recursor.agents.model.reviewer import Reviewer as ModelReviewer

    return {
        "planner": ModelPlanner(),
        "builder": ModelBuilder(),
        "communicator": ModelCommunicator(),
        "reviewer": ModelReviewer(),
    }


class ByModel:
    """Has the work of a role done by the agent for the model that the stack's settings name."""

    def __init__(self, scripted: Agent, modelled: Callable[[], Agent]) -> None:
        """Choose at every run.

        Args:
            scripted: does it without a model.
            modelled: returns who does it with one; not called before there is such a run.
        """
        self._scripted = scripted
        self._modelled = modelled

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        is_scripted = run.settings.model.of(run.role) == SCRIPTED
        return (self._scripted if is_scripted else self._modelled()).run(snapshot, run)


def standard_agents() -> Mapping[str, Agent]:
    """Return the agents of the four standard roles: scripted, or asking the model of the settings."""
    return {role: ByModel(agent, _modelled(role)) for role, agent in scripted_agents().items()}


def _modelled(role: str) -> Callable[[], Agent]:
    return lambda: model_agents()[role]
