"""The teams that come with Recursor."""

from collections.abc import Mapping

from recursor.agents.scripted.builder import Builder
from recursor.agents.scripted.communicator import Communicator
from recursor.agents.scripted.planner import Planner
from recursor.agents.scripted.reviewer import Reviewer
from recursor.domain.agent import Agent


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
