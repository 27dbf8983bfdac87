"""The process that serves the API and the dashboard, seen from the runner."""

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
    """The first message to the process."""

    data: Path
    settings: Settings
    port: int
    access: WebAccess
    runner: int
    """The id of the process that runs the stacks."""
    sql: SqlSettings
    """The limits of an SQL query."""
    limits: RunnerSettings
    """The runner's settings, including the budget of all stacks together."""


class WebProcess:
    """Serves on a listening socket, from `start` to `stop`, restarting the process when it ends.

    One thread starts, replaces and answers the process.
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
            assignment: the process's first message.
            listener: a listening socket.
            begin: called with a link and the process at its other end, to serve it.
            log: the process's log settings.
            on_change: called with the reason when no process comes up, and with None when one is up again.
        """
        spec = ChildSpec(
            name="web process",
            meanwhile="nothing is served, but stacks continue: see `recursor doctor`",
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
        """Start serving. Clients that connect before the process is up, in a second or so, are answered
        then."""
        self._supervising = self._loop.create_task(self._supervisor.run())
        self._thread.start()

    def stop(self) -> None:
        """Answer pending requests, and stop serving."""
        if self._supervising is not None:
            self._loop.call_soon_threadsafe(self._supervising.cancel)
            self._thread.join()

    def _run(self) -> None:
        assert self._supervising is not None
        self._loop.run_until_complete(asyncio.wait([self._supervising]))
        self._loop.close()
