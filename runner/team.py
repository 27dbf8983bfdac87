"""The runner's team for every stack: the four standard roles, assembled in one place."""

from collections.abc import Mapping

from recursor.domain.agent import Agent, AgentChoice, Run
from recursor.domain.effect import Outcome
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.orchestration.detectors import (
    detect_builder,
    detect_communicator,
    detect_planner,
    detect_reviewer,
    planner_is_urgent,
)
from recursor.orchestration.role_names import STANDARD
from recursor.orchestration.roles import Dependency, Role, RoleRegistry
from recursor.orchestration.workspace_detectors import detect_integrator
from recursor.runner.custom_team import custom_team


def standard_team(agents: Mapping[str, Agent | AgentChoice] | None = None) -> RoleRegistry:
    """Return the standard roles.

    Args:
        agents: the agents of "planner", "builder", "communicator" and "reviewer", and of "integrator" for
            teams with a repository; by default the scripted ones, which need no key and no network, or those
            that ask the model in the settings.

    Raises:
        KeyError: one of the first four is missing.
    """
    if agents is None:
        # They import parsers and templates, which takes longer than a command may.
        from recursor.agents.team import standard_agents

        agents = standard_agents()
    workspace = frozenset([StackKind.WORKSPACE])
    integrator = agents.get("integrator", _Observer())
    return RoleRegistry(
        [
            Role("planner", detect_planner, agents["planner"]),
            Role("builder", detect_builder, agents["builder"], (Dependency("planner", planner_is_urgent),)),
            Role("communicator", detect_communicator, agents["communicator"]),
            Role("integrator", detect_integrator, integrator, kinds=workspace),
            Role(
                "reviewer",
                detect_reviewer,
                agents["reviewer"],
                (Dependency("builder"), Dependency("integrator")),
            ),
        ]
    )


def observers_team() -> RoleRegistry:
    """Return the standard roles without agents, for detecting work only."""
    return standard_team(dict.fromkeys(STANDARD, _Observer()))


def team_named(name: str | None) -> RoleRegistry:
    """Return the team named by `runner.team`; None for the standard one.

    Raises:
        InvalidInputError: see `custom_team`.
    """
    return standard_team() if name is None else custom_team(name, standard_team)


def observers_team_named(name: str | None) -> RoleRegistry:
    """Return the same roles without agents, for detecting work only.

    Raises:
        InvalidInputError: see `custom_team`.
    """
    return observers_team() if name is None else custom_team(name, observers_team)


class _Observer:
    """Stands in for an agent."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """Refuse.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("this team only looks for work")
