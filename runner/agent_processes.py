"""The processes that agents run in besides the runner's: begun, replaced, and ended."""

import asyncio
import logging
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from recursor.agents.hosts.host import Host
from recursor.agents.hosts.link import Link
from recursor.agents.model.exchange import Exchange
from recursor.runner.replacing import FAREWELL_SECONDS, Pauses

logger = logging.getLogger("recursor.runner")

MODULE = "recursor.runner.agent_main"


@dataclass(frozen=True, slots=True)
class AgentAssignment:
    """What such a process is told first of all."""

    team: str | None
    """The name of the team, as for `team_named`."""
    data: Path
    log: bool
    """Whether it writes to the log in the data directory."""


class AgentProcesses:
    """Some processes, from `start` to `stop`, whatever becomes of each; for the event loop of the runs."""

    def __init__(self, count: int, assignment: AgentAssignment, exchange: Exchange) -> None:
        """Prepare `count` processes, whose calls are admitted by the limiter of `exchange`."""
        self._count = count
        self._assignment = assignment
        self._exchange = exchange
        self._hosts: dict[int, Host] = {}
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin them, without waiting. Until one is up, agents run in the runner's own process."""
        self._keepers = [asyncio.create_task(self._keep(place)) for place in range(self._count)]

    async def stop(self) -> None:
        """End them, with all that runs in them; so does cancelling all tasks of the loop."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def host(self) -> Host | None:
        """Return the process with the fewest runs, or None while there is none."""
        up = [host for host in self.all() if host.is_up]
        return min(up, key=lambda host: host.running, default=None)

    def all(self) -> list[Host]:
        """Return those that there are, up or not yet."""
        return list(self._hosts.values())

    def _tell_all(self, message: object) -> None:
        for host in self.all():
            host.tell(message)

    async def _keep(self, place: int) -> None:
        """Have a process in a place, one after the other."""
        pauses = Pauses()
        while True:
            since = time.monotonic()
            try:
                code = await self._one(place)
            except OSError as error:
                logger.error("a process for agents could not be started: %s", error)
            else:
                logger.error("a process for agents ended with code %s: another one takes its place", code)
            await asyncio.sleep(pauses.after(time.monotonic() - since))

    async def _one(self, place: int) -> int:
        """Begin a process, and return its exit code when it has ended; if this is cancelled, it ends."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    MODULE,
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except BaseException:
                ours.close()
                raise
        host = Host(await Link.over(ours), process.pid, self._exchange.limiter, self._tell_all)
        host.tell(self._assignment)
        self._hosts[place] = host
        serving = asyncio.create_task(host.serve())
        exiting = asyncio.create_task(process.wait())
        try:
            # What it has started may hold the link open when it has ended.
            await asyncio.wait([serving, exiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._hosts[place]
            host.close()
            try:
                await asyncio.wait([serving, exiting], timeout=FAREWELL_SECONDS)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        return await exiting
