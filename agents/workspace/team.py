"""Which agent does a role's work on a repository."""

from collections.abc import Mapping
from functools import cache

from recursor.agents.workspace.command_builder import CommandBuilder
from recursor.agents.workspace.integrator import Integrator
from recursor.domain.agent import Agent
from recursor.domain.extras import needing
from recursor.domain.settings import SCRIPTED, Settings
from recursor.domain.spending import AgentFailedError


def workspace_agent(role: str, settings: Settings) -> Agent:
    """Return the agent for a role of a stack that has a repository.

    Args:
        role: the role.
        settings: the stack's.

    Raises:
        AgentFailedError: there is no such agent; a person must act.
    """
    if role == "integrator":
        return _integrator()
    kind, _, command = settings.agent.of(role).partition(":")
    if kind == "model":
        agents = _scripted() if settings.model.of(role) == SCRIPTED else _asking()
        if role in agents:
            return agents[role]
    if kind == "command" and role == "builder":
        return CommandBuilder(command)
    if kind == "acp" and role == "builder":
        # Few teams have such agents, and the import takes a second.
        from recursor.agents.workspace.acp_builder import AcpBuilder

        return AcpBuilder(command)
    raise AgentFailedError(f"no agent {settings.agent.of(role)} for the role {role}", suspend=True)


@cache
def _scripted() -> Mapping[str, Agent]:
    # They import parsers and templates, which other agents do not need.
    from recursor.agents.workspace.scripted_builder import ScriptedSiteBuilder
    from recursor.agents.workspace.scripted_planner import ScriptedRepositoryPlanner
    from recursor.agents.workspace.scripted_reviewer import ScriptedRepositoryReviewer

    return {
        "planner": ScriptedRepositoryPlanner(),
        "builder": ScriptedSiteBuilder(),
        "reviewer": ScriptedRepositoryReviewer(),
    }


@cache
def _asking() -> Mapping[str, Agent]:
    """Return the agents that ask a model about a repository, by role."""
    # Imports the providers' SDKs, which other agents should not wait for.
    with needing("models", "a team that asks a model"):
        from recursor.agents.workspace.model_builder import WorkspaceBuilder
        from recursor.agents.workspace.model_planner import WorkspacePlanner
        from recursor.agents.workspace.model_reviewer import WorkspaceReviewer

    return {"planner": WorkspacePlanner(), "builder": WorkspaceBuilder(), "reviewer": WorkspaceReviewer()}


@cache
def _integrator() -> Agent:
    return Integrator()
