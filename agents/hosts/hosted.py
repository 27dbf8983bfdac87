"""Runs agents in another process if they ask a remote model."""

from collections.abc import Callable
from dataclasses import replace
from inspect import iscoroutinefunction

from recursor.agents.hosts.errors import HostGoneError
from recursor.agents.hosts.host import Host
from recursor.agents.model.provider_names import is_local
from recursor.domain.agent import Agent, AgentChoice, Meter, Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import SCRIPTED, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, Spend
from recursor.orchestration.roles import RoleRegistry

# How often a run is restarted whose process ended.
ANEW = 1

FindHost = Callable[[], Host | None]


def agent_for(agent: Agent | AgentChoice, role: str, snapshot: Snapshot, settings: Settings) -> Agent:
    """Return the agent for the work: if `agent` is a choice, the chosen one."""
    while hasattr(agent, "choose"):
        agent = agent.choose(role, snapshot, settings)
    return agent


class HostedAgent:
    """A `recursor.domain.agent.AgentChoice`: coroutines that ask a remote model run in another process.

    Functions, roles without a model, and models that this process serves stay in this one.
    """

    def __init__(self, agent: Agent | AgentChoice, find_host: FindHost) -> None:
        """Run `agent` in the process that `find_host` returns; it has not been tried there yet."""
        self._agent = agent
        self._find_host = find_host

    def choose(self, role: str, snapshot: Snapshot, settings: Settings) -> Agent:
        """See `AgentChoice.choose`."""
        agent = agent_for(self._agent, role, snapshot, settings)
        names = settings.model.chain_of(role)
        is_at_home = names[0] == SCRIPTED or any(map(is_local, names))
        if is_at_home or not iscoroutinefunction(agent.run):
            return agent
        return _ElsewhereAgent(agent, self._find_host)


class _ElsewhereAgent:
    """Runs an agent in another process, or in this one if none is up and the run has not lost one."""

    def __init__(self, agent: Agent, find_host: FindHost) -> None:
        self._agent = agent
        self._find_host = find_host

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `Agent.run`."""
        run, has_died = replace(run, meter=_BegunOnce(run.meter)), False
        for _ in range(ANEW + 1):
            host = self._find_host()
            if host is None:
                if has_died:
                    # The run itself may be what ends its process.
                    break
                outcome = self._agent.run(snapshot, run)
                return outcome if isinstance(outcome, Outcome) else await outcome
            try:
                return await host.run(snapshot, run)
            except HostGoneError:
                has_died = True
        raise AgentFailedError("its process has ended: it is tried again")


class _BegunOnce:
    """The meter of a run that may be restarted but counts as one run."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._has_begun = False

    async def begin(self) -> None:
        """See `Meter.begin`."""
        if not self._has_begun:
            await self._meter.begin()
            self._has_begun = True

    async def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`."""
        return await self._meter.reserve(most)

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        await self._meter.settle(reservation, spent)


def hosted(roles: RoleRegistry, find_host: FindHost) -> RoleRegistry:
    """Return the same roles, with agents that run in the process that `find_host` returns."""
    return RoleRegistry([replace(role, agent=HostedAgent(role.agent, find_host)) for role in roles.values()])
