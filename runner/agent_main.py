"""What a process runs that agents run in: it ends when the runner's does."""

import asyncio
import importlib
import logging
import os
import signal
import socket
import sys

from recursor.agents.hosts.guest import Guest
from recursor.agents.hosts.hosted import agent_for
from recursor.agents.hosts.link import Link
from recursor.runner.agent_processes import AgentAssignment
from recursor.runner.data_paths import log_file
from recursor.runner.garbage_collection import seldom_collected
from recursor.runner.log_file import LogFile
from recursor.runner.log_records import json_formatter, stderr_formatter
from recursor.runner.log_secrets import known_secrets
from recursor.runner.logs import Logging
from recursor.runner.team import team_named

logger = logging.getLogger("recursor.agents")


def main() -> None:
    """Run agents until the other end of the link, whose file descriptor is the argument, is gone."""
    # Ctrl-C and SIGTERM reach the whole group: it ends when the runner does. What is ignored stays so in all
    # that agents start; what is handled does not.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1]))))


async def _serve(connected: socket.socket) -> None:
    link = await Link.over(connected)
    try:
        assignment = await link.receive()
    except EOFError:
        return
    assert isinstance(assignment, AgentAssignment)
    # What the first call would have to wait for.
    importlib.import_module("recursor.agents.model.providers")
    with _logging(assignment), seldom_collected():
        try:
            roles = team_named(assignment.team)
            await Guest(link, lambda role, settings: agent_for(roles[role].agent, role, settings)).serve()
        except Exception:  # whatever it is, the log is to tell it
            logger.exception("a process for agents cannot go on")
            os._exit(1)
        # Its calls are nobody's any more: all connections close at once.
        os._exit(0)


def _logging(assignment: AgentAssignment) -> Logging:
    secrets = known_secrets(os.environ, None)
    file = LogFile(log_file(assignment.data)) if assignment.log else None
    kept = json_formatter("agents", secrets)
    return Logging(logging.WARNING, stderr_formatter("agents", secrets), file, kept)


if __name__ == "__main__":
    main()
