"""Which agent does a role's work on a repository."""

from functools import cache

from recursor.agents.workspace.command_builder import CommandBuilder
from recursor.agents.workspace.integrator import Integrator
from recursor.domain.agent import Agent
from recursor.domain.settings import Settings
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
    if kind == "command" and role == "builder":
        return CommandBuilder(command)
    raise AgentFailedError(f"no agent {settings.agent.of(role)} for the role {role}", suspend=True)


@cache
def _integrator() -> Agent:
    return Integrator()
