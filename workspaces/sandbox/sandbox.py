"""Runs programs, in a sandbox or, if somebody chose so, without one."""

import asyncio
import functools
import os
import platform
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

from recursor.workspaces.sandbox import bubblewrap, control_groups
from recursor.workspaces.sandbox.output import OutputTail
from recursor.workspaces.sandbox.program import Launch, Program, ProgramResult, SandboxLimits

SandboxKind = Literal["bwrap", "off"]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Sandbox:
    """Runs programs, each in a sandbox of its own. Any number may run at once."""

    def __init__(self, kind: SandboxKind = "bwrap") -> None:
        """Choose a sandbox. The first of a process removes what killed processes have left of theirs.

        Args:
            kind: "bwrap", or "off" for none.
        """
        self.kind: SandboxKind = kind
        if kind == "bwrap":
            remove_abandoned()

    def unavailable(self) -> str | None:
        """Return why programs cannot be run here, with the remedy, or None. It takes some 10 ms."""
        if sys.platform != "linux":
            return f"sandbox: {platform.system()} is not supported: workspaces need Linux"
        return bubblewrap.unavailable() if self.kind == "bwrap" else None

    async def run(
        self,
        command: str | Sequence[str],
        tree: Path,
        *,
        limits: SandboxLimits,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        readable: Sequence[Path] = (),
        socket: Path | None = None,
        proxy: Path | None = None,
        on_output: Callable[[str], None] | None = None,
    ) -> ProgramResult:
        """Run a program to its end. Cancelling the task ends the program, before this returns.

        Args:
            command: a line for `sh`, or a program and its arguments.
            tree: its working directory, the only one that it can change; it sees it at `bubblewrap.TREE`.
            limits: what it may use.
            environment: its variables, in addition to PATH, HOME, LANG and TERM.
            stdin: its whole input.
            readable: paths outside that it may read, at the same place, such as a git repository's objects.
            socket: a Unix socket that it may use, at `bubblewrap.SOCKET` and, as TCP, on `bubblewrap.PORT`.
            proxy: likewise, at `bubblewrap.PROXY_SOCKET` and on `bubblewrap.PROXY_PORT`.
            on_output: called in the event loop with each part of its output, as text.

        Raises:
            SandboxError: the sandbox cannot be used; the text gives the reason and the remedy.
        """
        tail = OutputTail(limits.output_bytes, on_output)
        launch = self._launch(command, tree, environment or {}, readable, _sockets(socket, proxy))
        async with Program.started(launch, limits, tail, merged=True) as program:
            feeding = asyncio.create_task(_feed(program.stdin, stdin))
            try:
                await program.wait()
            finally:
                feeding.cancel()
        return program.result()

    def run_blocking(
        self,
        command: str | Sequence[str],
        tree: Path,
        *,
        limits: SandboxLimits,
        environment: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> ProgramResult:
        """Do what `run` does, in a thread without an event loop."""
        return asyncio.run(self.run(command, tree, limits=limits, environment=environment, readable=readable))

    @asynccontextmanager
    async def start(
        self,
        command: str | Sequence[str],
        tree: Path,
        *,
        limits: SandboxLimits,
        environment: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
        socket: Path | None = None,
        proxy: Path | None = None,
    ) -> AsyncIterator[Program]:
        """Start a program that is spoken with through its standard input and output.

        At the end of the block it is ended, with all that it has started. The end of its standard error is
        kept. For the arguments see `run`.

        Raises:
            SandboxError: the sandbox cannot be used; the text gives the reason and the remedy.
        """
        tail = OutputTail(limits.output_bytes)
        launch = self._launch(command, tree, environment or {}, readable, _sockets(socket, proxy))
        async with Program.started(launch, limits, tail, merged=False) as program:
            yield program

    def _launch(
        self,
        command: str | Sequence[str],
        tree: Path,
        environment: Mapping[str, str],
        readable: Sequence[Path],
        sockets: Mapping[int, Path],
    ) -> Launch:
        words = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        sandboxed = self.kind == "bwrap"
        ours = {"PATH": _PATH, "HOME": bubblewrap.HOME, "LANG": "C.UTF-8", "TERM": "dumb"}
        if not sandboxed:
            ours |= {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return Launch(words, tree, {**ours, **environment}, tuple(readable), sockets, sandboxed=sandboxed)


def _sockets(socket: Path | None, proxy: Path | None) -> Mapping[int, Path]:
    paths = {bubblewrap.PORT: socket, bubblewrap.PROXY_PORT: proxy}
    return {port: path for port, path in paths.items() if path is not None}


@functools.cache
def remove_abandoned() -> None:
    """Remove what is left of the sandboxes of processes that were killed; once in each process."""
    bubblewrap.end_abandoned()
    control_groups.remove_abandoned()


async def _feed(stdin: asyncio.StreamWriter, content: bytes) -> None:
    # A program need not read its input.
    with suppress(ConnectionError):
        stdin.write(content)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()
