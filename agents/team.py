"""The teams included in Recursor."""

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from recursor.agents.model.exchange import exchange_of
from recursor.agents.scripted.builder import ScriptedBuilder
from recursor.agents.scripted.communicator import ScriptedCommunicator
from recursor.agents.scripted.planner import ScriptedPlanner
from recursor.agents.scripted.reviewer import ScriptedReviewer
from recursor.domain.agent import Agent, AgentChoice, Run
from recursor.domain.effect import Outcome
from recursor.domain.extras import ExtraMissingError, needing
from recursor.domain.settings import SCRIPTED, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import StackKind

# The standard roles with another agent for a repository than for a page.
ON_WORKSPACE = frozenset(["planner", "builder", "reviewer"])

if TYPE_CHECKING:
    from recursor.agents.model.role import ModelRole


def scripted_agents() -> Mapping[str, Agent]:
    """Return the scripted team by role: it needs no key and no network, and keeps no state between runs.

    One set of agents can serve any number of stacks, from any number of threads.
    """
    return {
        "planner": ScriptedPlanner(),
        "builder": ScriptedBuilder(),
        "communicator": ScriptedCommunicator(),
        "reviewer": ScriptedReviewer(),
    }


@cache
def model_agents() -> "Mapping[str, ModelRole[Any]]":
    """Return the team that asks models, by role; also for any number of stacks.

    Raises:
        ExtraMissingError: the extra `models` is not installed.
    """
    # Imports the providers' SDKs, which scripted agents should not wait for.
    with needing("models", "a team that asks a model"):
        from recursor.agents.model.builder import ModelBuilder
        from recursor.agents.model.communicator import ModelCommunicator
        from recursor.agents.model.planner import ModelPlanner
        from recursor.agents.model.reviewer import ModelReviewer

    return {
        "planner": ModelPlanner(),
        "builder": ModelBuilder(),
        "communicator": ModelCommunicator(),
        "reviewer": ModelReviewer(),
    }


class ByStack:
    """A `recursor.domain.agent.AgentChoice`: the agent for the kind of stack, and for its settings."""

    def __init__(self, scripted: Agent, asking: Agent) -> None:
        """Choose at every run.

        Args:
            scripted: works without a model.
            asking: works with a model.
        """
        self._scripted = scripted
        self._asking = asking
        self._on_workspace = _WorkspaceAgent()

    def choose(self, role: str, snapshot: Snapshot, settings: Settings) -> Agent:
        """See `AgentChoice.choose`."""
        if snapshot.stack.kind is StackKind.WORKSPACE and role in ON_WORKSPACE:
            return self._on_workspace
        return self._scripted if settings.model.of(role) == SCRIPTED else self._asking


class _WorkspaceAgent:
    """One of the agents that work on a repository, which are imported at its first run."""

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        try:
            agent = await exchange_of(run).load(partial(_workspace_agent, run.role, run.settings))
        except ExtraMissingError as error:
            raise AgentFailedError(f"{error}, then resume", suspend=True) from None
        outcome = agent.run(snapshot, run)
        return outcome if isinstance(outcome, Outcome) else await outcome


def _workspace_agent(role: str, settings: Settings) -> Agent:
    from recursor.agents.workspace.team import workspace_agent

    return workspace_agent(role, settings)


class _ModelAgent:
    """One of `model_agents`, which are imported at its first run."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._agent: ModelRole[Any] | None = None

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        if self._agent is None:
            try:
                # It takes a second, during which the event loop should run others.
                self._agent = (await exchange_of(run).load(model_agents))[self._role]
            except ExtraMissingError as error:
                raise AgentFailedError(f"{error}, then resume", suspend=True) from None
        return await self._agent.run(snapshot, run)


def standard_agents() -> Mapping[str, Agent | AgentChoice]:
    """Return the agents of the four standard roles: scripted, or asking the model in the settings."""
    agents: dict[str, Agent | AgentChoice] = {
        role: ByStack(agent, _ModelAgent(role)) for role, agent in scripted_agents().items()
    }
    return {**agents, "integrator": _WorkspaceAgent()}
