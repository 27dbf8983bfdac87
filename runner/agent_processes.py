"""Further processes in which agents run."""

import asyncio
import logging
from dataclasses import dataclass

from recursor.agents.hosts.host import Host
from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.exchange import Exchange
from recursor.runner.child_process import ChildLog
from recursor.runner.process_supervisor import ChildSpec, ProcessSupervisor
from recursor.runtime.link import Link

logger = logging.getLogger("recursor.runner")

MODULE = "recursor.runner.agent_main"


@dataclass(frozen=True, slots=True)
class AgentAssignment:
    """The first message to such a process."""

    team: str | None
    """The name of the team, as for `team_named`."""
    addresses: ModelAddresses | None = None
    """The allowed addresses for models; None: any."""


class AgentProcesses:
    """Some processes, from `start` to `stop`, restarted when they end; for the event loop of the runs."""

    def __init__(self, count: int, assignment: AgentAssignment, log: ChildLog, exchange: Exchange) -> None:
        """Prepare `count` processes that log to `log`; the limiter of `exchange` admits their calls."""
        self._count = count
        self._limiter = exchange.limiter
        self._hosts: list[Host] = []
        self._spec = ChildSpec(
            name="process for agents",
            meanwhile="its agents run in the others, or in the runner's",
            module=MODULE,
            assignment=assignment,
            log=log,
            begin=self._begin,
        )
        self._supervisors: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start them, without waiting. Until one is up, agents run in the runner's own process."""
        self._supervisors = [
            asyncio.create_task(ProcessSupervisor(self._spec).run()) for _ in range(self._count)
        ]

    async def stop(self) -> None:
        """End them, with all their runs; cancelling all tasks of the loop does the same."""
        for supervisor in self._supervisors:
            supervisor.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)

    def host(self) -> Host | None:
        """Return the process with the fewest runs, or None if there is none."""
        return min(self._hosts, key=lambda host: host.running, default=None)

    def all(self) -> list[Host]:
        """Return the processes that are up."""
        return list(self._hosts)

    def _begin(self, link: Link, pid: int) -> Host:
        logger.info("a process for agents is up: process %d", pid)
        return Host(link, pid, self._limiter, self._hosts)
