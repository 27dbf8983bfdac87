"""What the runner's other processes run: each works until the runner is gone, or says why it cannot."""

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

# How long a process that is to end may take before it is killed, in seconds.
FAREWELL_SECONDS = 5.0

logger = logging.getLogger("recursor.runner")


@dataclass(frozen=True, slots=True)
class Ready:
    """The process has loaded what it needs."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot begin, or go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChildLog:
    """How such a process logs."""

    name: str
    """Which process it is."""
    data: Path
    is_kept: bool
    """Whether it writes to the log in the data directory, too."""
    token: str | None = None
    """The token that clients must show, which must not be read in a log."""

    def opened(self) -> Logging:
        """Return what logs, from `with` to its end."""
        secrets = known_secrets(os.environ, self.token)
        file = LogFile(log_file(self.data)) if self.is_kept else None
        return Logging(
            logging.WARNING, stderr_formatter(self.name, secrets), file, json_formatter(self.name, secrets)
        )


Work = Callable[..., Awaitable[None]]
"""What a process does until EOFError.

It is called with the link to the runner, its assignment, a function to call when all is loaded, and
the further sockets that were handed down.
"""


def run_child(work: Work) -> None:
    """Do some work until the runner is gone, and end this process."""
    # Ctrl-C and SIGTERM reach the whole group: it ends when the runner does. What is ignored stays so in all
    # that is started here; what is handled does not.
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
                f"the runner is of version {version}, and what is installed is {__version__}: "
                "end the runner and start another"
            )
        log, assignment = await link.receive()
        with log.opened():
            await _log_failure(work, link, assignment, others)
    except EOFError:
        pass
    except Exception as error:  # noqa: BLE001  # whatever it is, the runner's log is to tell it
        if os.environ.get("RECURSOR_DEBUG"):
            traceback.print_exc()
        link.send(Failed(_told(error)))
        link.close()
        await link.wait_closed()
        code = 1
    # Threads and tasks must not keep it from ending; and all of its connections close at once.
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
        # What fails from the beginning is tried again and again.
        if is_ready:
            logger.exception("this process cannot go on")
        raise


def _told(error: Exception) -> str:
    # What Recursor raises is one line that says what to do.
    return str(error) if isinstance(error, RecursorError) else in_one_line(error.__cause__ or error)


def _end_after(handle: int) -> None:
    """End this process when the runner is gone, whatever it is busy with."""
    hang_up = select.poll()
    hang_up.register(handle, 0)
    hang_up.poll()
    time.sleep(FAREWELL_SECONDS)
    os._exit(1)
