"""The process that serves the API and the dashboard, as the runner sees it: begun, replaced, and ended."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recursor.domain.errors import RecursorError
from recursor.domain.process_settings import SqlSettings
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.channel import Channel, WebLink
from recursor.runner.replacing import FAREWELL_SECONDS, LONGEST_PAUSE, Pauses
from recursor.web.access import WebAccess

logger = logging.getLogger("recursor.runner")

MODULE = "recursor.runner.web_start"

# What it said last has been read within this time, in seconds, once it has ended.
_HEARD_WITHIN = 1.0


class WebProcessError(RecursorError):
    """The process that serves cannot be started."""


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
    log: bool = False
    """Whether it writes to the log in the data directory."""


class WebProcess:
    """Serves on a socket that listens already, from `start` to `stop`, whatever becomes of the process."""

    def __init__(
        self,
        assignment: Assignment,
        listener: socket.socket,
        channel: Channel,
        on_change: Callable[[str | None], object] = lambda _: None,
    ) -> None:
        """Prepare to serve.

        Args:
            assignment: what the process is told.
            listener: a socket that listens already.
            channel: answers it for the orchestrator.
            on_change: told why nothing is served, when no process comes up; and None, when one does again.
        """
        self._on_change = on_change
        self._trouble: str | None = None
        self._assignment = assignment
        self._listener = listener
        self._channel = channel
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: WebLink | None = None
        self._keeper = threading.Thread(target=self._keep, name="recursor-web-keeper", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process that serves now; None between two."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Begin to serve. Who connects before it has come up, in a second or so, is answered then.

        Raises:
            WebProcessError: the process could not be started.
        """
        try:
            self._begin()
        except OSError as error:
            raise WebProcessError(
                f"{sys.executable}: the web process could not be started: {error.strerror}"
            ) from error
        self._keeper.start()

    def stop(self) -> None:
        """Answer what was asked and stop serving. Stopping twice is fine."""
        with self._lock:
            self._stopping.set()
            process, link = self._process, self._link
        if link is not None:
            link.close()
        if process is not None:
            try:
                process.wait(FAREWELL_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._keeper.is_alive():
            self._keeper.join()

    def _keep(self) -> None:
        pauses = Pauses()
        while not self._stopping.is_set():
            process, since = self._process, time.monotonic()
            if process is not None:
                code = process.wait()
                if self._stopping.is_set():
                    return
                self._tell_end(code)
            if self._stopping.wait(pauses.after(time.monotonic() - since)):
                return
            try:
                self._begin()
            except OSError as error:
                self._tell_trouble(f"{sys.executable}: {error.strerror}")

    def _tell_end(self, code: int) -> None:
        link = self._link
        assert link is not None
        link.heard.wait(_HEARD_WITHIN)
        why = link.failure or f"it ended with code {code}"
        if link.serving:
            logger.error("the web process ended: %s: another one takes its place", why)
        else:
            self._tell_trouble(why)

    def _tell_trouble(self, why: str) -> None:
        # Once: it may be tried again and again for days.
        if why != self._trouble:
            self._trouble = why
            logger.error(
                "the web process cannot start: %s: nothing is served until it can, and stacks go on; "
                "it is tried again every %g s at most: `recursor doctor` tells what to do",
                why, LONGEST_PAUSE,
            )  # fmt: skip
            self._on_change(why)

    def _serving(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            logger.warning("the web process has started: all is served again")
            self._on_change(None)

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._stopping.is_set():
                ours.close()
                return
            handles = (self._listener.fileno(), theirs.fileno())
            command = [sys.executable, "-m", MODULE, *map(str, handles)]
            try:
                # Nothing else is inherited, above all not the hold of the data directory.
                self._process = subprocess.Popen(command, pass_fds=handles, stdin=subprocess.DEVNULL)
            except OSError:
                ours.close()
                raise
            self._link = self._channel.attach(ours, self._assignment, self._serving)
