"""The process that serves the API and the dashboard, seen from the runner."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recursor.domain.process_settings import SqlSettings
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.child_process import ChildLog
from recursor.runner.early_connections import EarlyConnections
from recursor.runner.process_supervisor import ChildHandler, ChildSpec, ProcessSupervisor
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
    """Answers probes on a listening socket from `open` to `stop`, and serves all else from `start` on,
    restarting the process when it ends.

    One thread starts, replaces and answers the process, and answers probes while none is up.
    """

    def __init__(self, listener: socket.socket) -> None:
        """Prepare to serve on a listening socket."""
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._early = EarlyConnections(listener, self._loop)
        self._ended = asyncio.Event()
        self._supervising: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="recursor-web-process", daemon=True)

    def open(self) -> None:
        """Answer probes. Other clients that connect are answered when the process is up."""
        self._thread.start()

    def start(
        self,
        assignment: Assignment,
        begin: Callable[[Link, int], ChildHandler],
        log: ChildLog,
        on_change: Callable[[str | None], object] = lambda _: None,
    ) -> None:
        """Start the process.

        Args:
            assignment: the process's first message.
            begin: called with a link and the process at its other end, to serve it.
            log: the process's log settings.
            on_change: called with the reason when no process comes up, and with None when one is up again.
        """

        def note(unserved: str | None) -> None:
            self._early.note(unserved)
            on_change(unserved)

        spec = ChildSpec(
            name="web process",
            meanwhile="nothing is served, but stacks continue: see `recursor doctor`",
            module=MODULE,
            assignment=assignment,
            log=log,
            begin=lambda link, pid: self._begin(begin, link, pid),
            handles=(self._listener.fileno(), self._early.handle),
            on_change=note,
        )
        self._loop.call_soon_threadsafe(self._supervise, ProcessSupervisor(spec))

    def stop(self) -> None:
        """Answer pending requests, and stop serving. Stopping twice is fine."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join()

    def _supervise(self, supervisor: ProcessSupervisor) -> None:
        self._supervising = self._loop.create_task(supervisor.run())

    def _begin(self, begin: Callable[[Link, int], ChildHandler], link: Link, pid: int) -> _ServingHandler:
        # Before the process is told to serve: then it finds all that wait.
        self._early.close()
        return _ServingHandler(begin(link, pid), self._resume_early)

    def _resume_early(self) -> None:
        if not self._ended.is_set():
            self._early.open()

    def _end(self) -> None:
        self._ended.set()
        self._early.close()
        if self._supervising is not None:
            self._supervising.cancel()

    def _run(self) -> None:
        self._early.open()
        self._loop.run_until_complete(self._until_ended())
        self._loop.close()

    async def _until_ended(self) -> None:
        await self._ended.wait()
        if self._supervising is not None:
            await asyncio.wait([self._supervising])
        self._early.end()


class _ServingHandler:
    """A handler that reports its end."""

    def __init__(self, handler: ChildHandler, ended: Callable[[], object]) -> None:
        self._handler = handler
        self._ended = ended

    async def take(self, message: Any) -> None:
        """See `ChildHandler.take`."""
        await self._handler.take(message)

    def end(self) -> None:
        """See `ChildHandler.end`."""
        self._handler.end()
        self._ended()
