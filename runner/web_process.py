"""The process that serves the API and the dashboard, as the runner sees it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recursor.domain.process_settings import SqlSettings
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.child_process import ChildLog
from recursor.runner.process_supervisor import ChildSpec, Conversation, ProcessSupervisor
from recursor.runtime.link import Link
from recursor.web.access import WebAccess

MODULE = "recursor.runner.web_start"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the process is told first of all."""

    data: Path
    settings: Settings
    port: int
    access: WebAccess
    runner: int
    """The process that runs the stacks."""
    sql: SqlSettings
    """What an SQL query may take."""
    limits: RunnerSettings
    """What all stacks may spend together, among others."""


class WebProcess:
    """Serves on a socket that listens already, from `start` to `stop`, whatever becomes of the process.

    One thread begins it, replaces it and answers it.
    """

    def __init__(
        self,
        assignment: Assignment,
        listener: socket.socket,
        begin: Callable[[Link, int], Conversation],
        log: ChildLog,
        on_change: Callable[[str | None], object] = lambda _: None,
    ) -> None:
        """Prepare to serve.

        Args:
            assignment: what the process is told.
            listener: a socket that listens already.
            begin: called with a link and the process at its other end, to answer it.
            log: how the process logs.
            on_change: told why nothing is served, when no process comes up; and None, when one does again.
        """
        spec = ChildSpec(
            name="web process",
            meanwhile="nothing is served, and stacks go on: `recursor doctor` tells what to do",
            module=MODULE,
            assignment=assignment,
            log=log,
            begin=begin,
            handles=(listener.fileno(),),
            on_change=on_change,
        )
        self._supervisor = ProcessSupervisor(spec)
        self._loop = asyncio.new_event_loop()
        self._supervising: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="recursor-web-process", daemon=True)

    def start(self) -> None:
        """Begin to serve. Who connects before it has come up, in a second or so, is answered then."""
        self._supervising = self._loop.create_task(self._supervisor.run())
        self._thread.start()

    def stop(self) -> None:
        """Answer what was asked and stop serving."""
        if self._supervising is not None:
            self._loop.call_soon_threadsafe(self._supervising.cancel)
            self._thread.join()

    def _run(self) -> None:
        assert self._supervising is not None
        self._loop.run_until_complete(asyncio.wait([self._supervising]))
        self._loop.close()
