"""The team that the runner gives to every stack: the four standard roles, put together in one place."""

from collections.abc import Mapping

from recursor.domain.agent import Agent, AgentChoice, Run
from recursor.domain.effect import Outcome
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.detectors import (
    detect_builder,
    detect_communicator,
    detect_planner,
    detect_reviewer,
    planner_is_urgent,
)
from recursor.orchestration.role_names import STANDARD
from recursor.orchestration.roles import Dependency, Role, RoleRegistry
from recursor.runner.custom_team import custom_team


def standard_team(agents: Mapping[str, Agent | AgentChoice] | None = None) -> RoleRegistry:
    """Return the standard roles.

    Args:
        agents: who does the work of "planner", "builder", "communicator" and "reviewer"; by default the
            scripted agents, which need no key and no network, or those that ask the model of the settings.

    Raises:
        KeyError: one of the four is missing.
    """
    if agents is None:
        # They bring parsers and templates, which take longer to import than a command may take.
        from recursor.agents.team import standard_agents

        agents = standard_agents()
    return RoleRegistry(
        [
            Role("planner", detect_planner, agents["planner"]),
            Role("builder", detect_builder, agents["builder"], (Dependency("planner", planner_is_urgent),)),
            Role("communicator", detect_communicator, agents["communicator"]),
            Role("reviewer", detect_reviewer, agents["reviewer"], (Dependency("builder"),)),
        ]
    )


def observers_team() -> RoleRegistry:
    """Return the standard roles for one who looks for work and leaves it to others."""
    return standard_team(dict.fromkeys(STANDARD, _Observer()))


def team_named(name: str | None) -> RoleRegistry:
    """Return the team that `runner.team` names: None for the standard one.

    Raises:
        InvalidInputError: see `custom_team`.
    """
    return standard_team() if name is None else custom_team(name, standard_team)


def observers_team_named(name: str | None) -> RoleRegistry:
    """Return the same roles for one who looks for work and leaves it to others.

    Raises:
        InvalidInputError: see `custom_team`.
    """
    return observers_team() if name is None else custom_team(name, observers_team)


class _Observer:
    """Stands where an agent belongs."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """Refuse.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("this team only looks for work")
