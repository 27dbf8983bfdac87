"""Agents that run in another process if they ask a model that is elsewhere."""

from collections.abc import Callable
from dataclasses import replace

from recursor.agents.hosts.errors import HostGoneError
from recursor.agents.hosts.host import Host
from recursor.agents.model.whom import is_local
from recursor.domain.agent import Agent, Meter, Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import SCRIPTED
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, Spend
from recursor.orchestration.roles import RoleRegistry

# How often a run is begun anew whose process has ended.
ANEW = 1


class HostedAgent:
    """A `recursor.domain.agent.Agent`; with no process up, one that has been in none runs in this one."""

    def __init__(self, agent: Agent, host: Callable[[], Host | None]) -> None:
        """Run `agent` in what `host` returns; nothing has begun there with it yet."""
        self._agent = agent
        self._host = host

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `Agent.run`."""
        if _is_at_home(run):
            return self._agent.run(snapshot, run)
        run, has_died = replace(run, meter=_BegunOnce(run.meter)), False
        for _ in range(ANEW + 1):
            host = self._host()
            if host is None:
                if has_died:
                    # It may be the run itself that ends whatever process it is in.
                    break
                return self._agent.run(snapshot, run)
            try:
                return host.run(snapshot, run)
            except HostGoneError:
                has_died = True
                if run.cancelled.is_set():
                    break
        raise AgentFailedError("the process that it ran in has ended: it is tried again")


class _BegunOnce:
    """The meter of a run that may be begun anew, and is one run nevertheless."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._has_begun = False

    def begin(self) -> None:
        if not self._has_begun:
            self._meter.begin()
            self._has_begun = True

    def reserve(self, most: Spend) -> str:
        return self._meter.reserve(most)

    def settle(self, reservation: str, spent: Spend | None) -> None:
        self._meter.settle(reservation, spent)


def _is_at_home(run: Run) -> bool:
    """Whether the run asks no model, or one that this process serves."""
    settings = run.settings.model
    names = settings.chain_of(run.role)
    return names[0] == SCRIPTED or any(map(is_local, names))


def hosted(roles: RoleRegistry, host: Callable[[], Host | None]) -> RoleRegistry:
    """Return the same roles, with agents that run in what `host` returns."""
    return RoleRegistry([replace(role, agent=HostedAgent(role.agent, host)) for role in roles.values()])
