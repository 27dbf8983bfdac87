"""The main program of the runner's child processes: each works until the runner is gone, or reports why it
cannot."""

import asyncio
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from recursor import __version__
from recursor.domain.errors import RecursorError, in_one_line
from recursor.runner.data_paths import log_file
from recursor.runner.log_file import LogFile
from recursor.runner.log_records import json_formatter, stderr_formatter
from recursor.runner.log_secrets import known_secrets
from recursor.runner.logs import Logging
from recursor.runtime.link import Link

# Seconds for a process to end before it is killed.
FAREWELL_SECONDS = 5.0

logger = logging.getLogger("recursor.runner")


@dataclass(frozen=True, slots=True)
class Ready:
    """The process has loaded everything."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot start or continue."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChildLog:
    """The log settings of a child process."""

    name: str
    """Which process it is."""
    data: Path
    is_kept: bool
    """Whether it also writes to the log in the data directory."""
    token: str | None = None
    """The clients' token, which must not appear in a log."""

    def opened(self) -> Logging:
        """Return the logging, from `with` to its end."""
        secrets = known_secrets(os.environ, self.token)
        file = LogFile(log_file(self.data)) if self.is_kept else None
        return Logging(
            logging.WARNING, stderr_formatter(self.name, secrets), file, json_formatter(self.name, secrets)
        )


Work = Callable[..., Awaitable[None]]
"""The work of a process, until EOFError.

It is called with the link to the runner, its assignment, a function to call when everything is loaded, and
the inherited sockets.
"""


def run_child(work: Work) -> None:
    """Work until the runner is gone, then end this process."""
    # Ctrl-C and SIGTERM reach the whole group, but this process ends when the runner does. Ignored signals
    # stay ignored in processes started here; handled ones do not.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    version, *handles = sys.argv[1:]
    connection, *others = (socket.socket(fileno=int(handle)) for handle in handles)
    threading.Thread(target=_end_after, args=(os.dup(connection.fileno()),), daemon=True).start()
    asyncio.run(_run(work, version, connection, others))


async def _run(work: Work, version: str, connection: socket.socket, others: list[socket.socket]) -> NoReturn:
    link = await Link.over(connection)
    code = 0
    try:
        if version != __version__:
            raise RecursorError(
                f"the runner has version {version}, but {__version__} is installed: "
                "end the runner and start another"
            )
        log, assignment = await link.receive()
        with log.opened():
            await _log_failure(work, link, assignment, others)
    except EOFError:
        pass
    except Exception as error:  # noqa: BLE001  # the runner's log must show any error
        if os.environ.get("RECURSOR_DEBUG"):
            traceback.print_exc()
        link.send(Failed(_told(error)))
        link.close()
        await link.wait_closed()
        code = 1
    # Threads and tasks must not delay the end; and all of its connections close at once.
    os._exit(code)


async def _log_failure(work: Work, link: Link, assignment: object, others: list[socket.socket]) -> None:
    is_ready = False

    def ready() -> None:
        nonlocal is_ready
        is_ready = True
        link.send(Ready())

    try:
        await work(link, assignment, ready, *others)
    except EOFError:
        raise
    except Exception:
        # A process that fails from the start is restarted repeatedly.
        if is_ready:
            logger.exception("this process cannot go on")
        raise


def _told(error: Exception) -> str:
    # Recursor's own errors are one line with a remedy.
    return str(error) if isinstance(error, RecursorError) else in_one_line(error.__cause__ or error)


def _end_after(handle: int) -> None:
    """End this process when the runner is gone, whatever it is doing."""
    hang_up = select.poll()
    hang_up.register(handle, 0)
    hang_up.poll()
    time.sleep(FAREWELL_SECONDS)
    os._exit(1)
