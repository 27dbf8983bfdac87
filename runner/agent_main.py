"""The main program of a process for agents."""

from collections.abc import Callable
from importlib import import_module

from recursor.agents.hosts.guest import Guest
from recursor.agents.hosts.hosted import agent_for
from recursor.runner.agent_processes import AgentAssignment
from recursor.runner.child_process import run_child
from recursor.runner.garbage_collection import seldom_collected
from recursor.runner.team import team_named
from recursor.runtime.link import Link


async def _run_agents(link: Link, assignment: AgentAssignment, ready: Callable[[], None]) -> None:
    # Imported here, so that the first call need not wait.
    import_module("recursor.agents.model.providers")
    roles = team_named(assignment.team)
    with seldom_collected():
        ready()
        guest = Guest(
            link,
            lambda role, snapshot, settings: agent_for(roles[role].agent, role, snapshot, settings),
            assignment.addresses,
        )
        await guest.serve()


if __name__ == "__main__":
    run_child(_run_agents)
