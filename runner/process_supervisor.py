"""Keeps one child process of the runner up: starts, replaces and ends it."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from recursor import __version__
from recursor.runner.child_process import FAREWELL_SECONDS, ChildLog, Failed, Ready
from recursor.runtime.link import Link

logger = logging.getLogger("recursor.runner")

# Seconds until the restart, doubled with every death up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

# Seconds: a process that lived this long was healthy, and its death counts as the first.
WELL_AFTER = 60.0

# Seconds for reading the last messages of an ended process: its own children may hold the link open.
_LAST_WORDS_SECONDS = 1.0


class ChildHandler(Protocol):
    """Handles the messages of one process."""

    async def take(self, message: Any) -> None:
        """Receive a message of the process.

        Raises:
            EOFError: the process is gone.
        """
        ...

    def end(self) -> None:
        """Note that the process is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A process to keep up."""

    name: str
    """Its name in the log."""
    meanwhile: str
    """The consequence for the log while it is down."""
    module: str
    """Its main program; see `run_child`."""
    assignment: object
    """Its first message."""
    log: ChildLog
    begin: Callable[[Link, int], ChildHandler]
    """Called with the link and the process's id when it is ready."""
    handles: tuple[int, ...] = ()
    """Sockets that it inherits. It inherits nothing else, above all not the lock of the data directory."""
    on_change: Callable[[str | None], object] = lambda _: None
    """Called with the reason when it cannot start, and with None when it is up again."""


class ProcessSupervisor:
    """Keeps one process up while `run` runs."""

    def __init__(self, spec: ChildSpec) -> None:
        """Prepare to keep up the process of `spec`."""
        self._spec = spec
        self._trouble: str | None = None
        self._is_ready = False
        self._reason: str | None = None

    async def run(self) -> NoReturn:
        """Run one process after another until cancelled; then the last one has ended."""
        pauses = Pauses()
        while True:
            since = time.monotonic()
            try:
                await self._run_one()
            except OSError as error:
                self._complain(f"{sys.executable}: {error.strerror}")
            await asyncio.sleep(pauses.after(time.monotonic() - since))

    async def _run_one(self) -> None:
        """Start a process, and return when it has ended; cancelling ends it."""
        self._is_ready, self._reason = False, None
        ours, theirs = socket.socketpair()
        with theirs:
            handles = (theirs.fileno(), *self._spec.handles)
            command = (sys.executable, "-m", self._spec.module, __version__, *map(str, handles))
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, pass_fds=handles, stdin=asyncio.subprocess.DEVNULL
                )
            except BaseException:
                ours.close()
                raise
        link = await Link.over(ours)
        conversation = asyncio.create_task(self._converse(link, process.pid))
        exiting = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([conversation, exiting], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([conversation], timeout=_LAST_WORDS_SECONDS)
        finally:
            link.close()
            conversation.cancel()
            try:
                await asyncio.wait([conversation, exiting], timeout=FAREWELL_SECONDS)
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
        if not conversation.cancelled() and (error := conversation.exception()) is not None:
            logger.error("a message of the %s cannot be read", self._spec.name, exc_info=error)
        self._tell_end(await exiting)

    async def _converse(self, link: Link, pid: int) -> None:
        link.send((self._spec.log, self._spec.assignment))
        handler: ChildHandler | None = None
        try:
            while True:
                match message := await link.receive():
                    case Ready():
                        handler = self._spec.begin(link, pid)
                        self._reassure()
                    case Failed(reason=reason):
                        self._reason = reason
                    case _:
                        assert handler is not None
                        await handler.take(message)
        except EOFError:
            pass
        finally:
            if handler is not None:
                handler.end()

    def _tell_end(self, code: int) -> None:
        why = self._reason or f"it ended with code {code}"
        if self._is_ready:
            logger.error("the %s ended: %s: restarting it", self._spec.name, why)
        else:
            self._complain(why)

    def _complain(self, why: str) -> None:
        # Only once: the restarts may go on for days.
        if why != self._trouble:
            self._trouble = why
            logger.error(
                "the %s cannot start: %s: retrying at least every %g s; meanwhile %s",
                self._spec.name, why, LONGEST_PAUSE, self._spec.meanwhile,
            )  # fmt: skip
            self._spec.on_change(why)

    def _reassure(self) -> None:
        self._is_ready = True
        if self._trouble is not None:
            self._trouble = None
            logger.warning("the %s has started", self._spec.name)
            self._spec.on_change(None)


class Pauses:
    """Increasing waiting times."""

    def __init__(self) -> None:
        """Start with the shortest."""
        self._next = FIRST_PAUSE

    def after(self, lived: float) -> float:
        """Return the seconds to wait now, after the last process lived for `lived` seconds."""
        pause = FIRST_PAUSE if lived > WELL_AFTER else self._next
        self._next = min(2 * pause, LONGEST_PAUSE)
        return pause
