"""One program in a sandbox, from its start until nothing of it is left."""

import asyncio
import json
import os
import platform
import re
import resource
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recursor.domain.errors import RecursorError
from recursor.domain.wording import size, span
from recursor.workspaces.sandbox import bubblewrap, process_tree
from recursor.workspaces.sandbox.control_groups import ControlGroup
from recursor.workspaces.sandbox.disk_use import TOO_DEEP, disk_use
from recursor.workspaces.sandbox.output import OutputTail

# Seconds between two looks at what a program uses: if these looks hold its limits, and if the kernel does.
_LOOK, _LOOK_AT_GROUP = 0.1, 0.25

# Seconds between two looks at a tree; and the largest share of the time that these may take.
_DISK_LOOK, _DISK_SHARE = 0.5, 0.05

# Bytes of one line of an agent's protocol, which are held in memory.
_LINE_BYTES = 16 * 2**20

# Seconds for the last output of a program that has ended. Without a sandbox, a process that was missed can
# hold the pipe open.
_LAST_OUTPUT = 1.0

# bubblewrap's own process in the sandbox, and the one that forwards connections to a gateway.
_OWN_PROCESSES = 2

# The niceness of programs: the team's own work comes first, the more so where it must count processes itself.
_NICE, _NICEST = 5, 19

# A shell's exit status for a program that was killed by signal n is 128 + n.
_SIGNALLED = 128

# The variable of programs without a sandbox by which they are found.
_MARK = "RECURSOR_SANDBOX"


class SandboxError(RecursorError):
    """The sandbox cannot be used. No program was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What one program may use, with all that it starts."""

    seconds: float = 600.0
    grace_seconds: float = 5.0
    """Between SIGTERM and SIGKILL for a program that is to end."""
    memory_bytes: int = 2 * 2**30
    processes: int = 512
    """Processes and threads at once."""
    open_files: int = 4096
    """Of each process."""
    file_bytes: int = 2**30
    """The largest file that it can write."""
    disk_bytes: int = 4 * 2**30
    """The size of the tree on its disk, with what was there before."""
    free_bytes: int = 256 * 2**20
    """A program is stopped when the disk of its tree has less room than this."""
    temporary_bytes: int = 512 * 2**20
    """Of each of /tmp, the home directory and /dev/shm. They are kept in memory, and count towards its limit
    if a control group holds that."""
    output_bytes: int = 100_000
    """The end of the output that is kept."""
    printed_bytes: int = 256 * 2**20
    """The output after which a program is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """How a program ended."""

    status: int
    """Its exit status; 128 + n after signal n, 127 if there is no such program."""
    signal: int | None
    """The signal that ended it, as the exit status says."""
    output: str
    """The end of what it printed; of a started program, on standard error alone."""
    cut_bytes: int
    """The bytes before that."""
    stopped_because: str | None
    """The limit that it exceeded: "it ran longer than 10 min"."""
    seconds: float
    processor_seconds: float
    """User and system time, with all that it started; without a control group, as seen at the last look."""
    peak_bytes: int
    """The most memory that it used; without a control group, as seen ten times a second."""

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself, with exit status 0."""
        return self.status == 0 and self.stopped_because is None


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started, and what it sees."""

    words: tuple[str, ...]
    tree: Path
    environment: Mapping[str, str]
    readable: tuple[Path, ...]
    sockets: Mapping[int, Path]
    """By the ports of the sandbox that lead to them."""
    sandboxed: bool


class Program:
    """A running program."""

    def __init__(self, launch: Launch, limits: SandboxLimits, tail: OutputTail) -> None:
        self._launch, self._limits, self._tail = launch, limits, tail
        self._loop = asyncio.get_running_loop()
        self._began = self._ended = self._loop.time()
        self._ready, self._gone = asyncio.Event(), asyncio.Event()
        self._mark = f"{_MARK}={secrets.token_hex(16)}"
        self._process: _Process | None = None
        self._init: _Process | None = None
        self._group: ControlGroup | None = None
        self._transports: list[asyncio.BaseTransport] = []
        self._failure: Exception | None = None
        self._stopped_because: str | None = None
        self._status = 0
        self._begun = self._killed = False
        self._processor_seconds = 0.0
        self._peak_bytes = 0
        self.stdin: asyncio.StreamWriter
        self.stdout: asyncio.StreamReader
        """Of a started program. A line may have 16 MB."""

    @classmethod
    @asynccontextmanager
    async def started(
        cls, launch: Launch, limits: SandboxLimits, tail: OutputTail, *, merged: bool
    ) -> AsyncIterator["Program"]:
        """Start a program; at the end of the block nothing of it is left.

        Args:
            launch: the program.
            limits: what it may use.
            tail: takes its standard error.
            merged: `tail` takes its standard output, too.

        Raises:
            SandboxError: the sandbox cannot be used; the text gives the reason and the remedy.
        """
        program = cls(launch, limits, tail)
        life = asyncio.create_task(program._live(merged=merged))
        try:
            await program._ready.wait()
            program._check()
            yield program
        finally:
            await program._end(life)
        program._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    @property
    def output(self) -> str:
        """The end of its standard error so far."""
        return self._tail.text

    async def wait(self) -> None:
        """Wait until the program has ended, or was stopped at a limit, and nothing of it is left."""
        await self._gone.wait()

    async def stop(self) -> None:
        """Ask the program to end, and kill it after its grace."""
        # Not in another thread: a program that has taken all that the machine has must be stopped, too.
        if processes := self._processes():
            process_tree.send(signal.SIGTERM, processes)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), self._limits.grace_seconds)
        self.kill()
        await self._gone.wait()

    def kill(self) -> None:
        """Kill the program, with all that it has started, at once."""
        self._killed = True
        for process in (self._init, self._process if self._begun else None):
            if process is not None:
                process.kill()

    def result(self) -> ProgramResult:
        """Return how the program ended. It has ended after `wait`, and at the end of its block."""
        assert self._gone.is_set()
        by_signal = _SIGNALLED < self._status < _SIGNALLED + signal.NSIG
        return ProgramResult(
            status=self._status,
            signal=self._status - _SIGNALLED if by_signal else None,
            output=self._tail.text,
            cut_bytes=self._tail.cut,
            stopped_because=self._stopped_because,
            seconds=self._ended - self._began,
            processor_seconds=self._processor_seconds,
            peak_bytes=self._peak_bytes,
        )

    async def _end(self, life: asyncio.Task[None]) -> None:
        """End the program, whatever happens to this task meanwhile: it may be cancelled more than once."""

        async def end() -> None:
            if not self._gone.is_set():
                await self.stop()
            await life

        ending = asyncio.create_task(end())
        interrupted = False
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                interrupted = True
                self.kill()
        ending.result()
        if interrupted:
            raise asyncio.CancelledError

    async def _live(self, *, merged: bool) -> None:
        try:
            await self._run(merged=merged)
        except Exception as error:  # noqa: BLE001  # raised to whoever started the program
            self._failure = error
        finally:
            for transport in self._transports:
                transport.close()
            for process in (self._init, self._process):
                if process is not None:
                    process.close()
            self._ended = self._loop.time()
            self._gone.set()
            self._ready.set()

    async def _run(self, *, merged: bool) -> None:
        popen, report, gate = self._start(merged=merged)
        with gate:
            self._process = process = _Process(popen.pid)
            exited = asyncio.create_task(process.exited())
            output = await self._connect(popen, merged=merged)
            status = await self._reader(report)
            with suppress(ProcessLookupError):
                await self._limit(popen.pid, status)
            self._begun = True
            if self._killed:
                self.kill()
            with suppress(BrokenPipeError):
                gate.write(b"\n")
        self._ready.set()
        # Apart from one another: a look takes long at a slow disk, or while all threads are busy.
        watching = [asyncio.create_task(watch) for watch in (self._watch_time(), self._watch_use())]
        await asyncio.wait((exited, *watching), return_when=asyncio.FIRST_COMPLETED)
        if not exited.done():
            self.kill()  # its limits cannot be watched any more
        await exited
        for task in watching:
            task.cancel()
        await self._end_rest()
        with suppress(TimeoutError):
            await asyncio.wait_for(output.closed.wait(), _LAST_OUTPUT)
        self._reap(popen)
        await asyncio.wait(watching)
        for task in watching:
            if not task.cancelled():
                task.result()
        # Another status of bubblewrap than that of the program.
        if self._launch.sandboxed and popen.returncode >= 0 and b"exit-code" not in await status.read():
            words = " ".join(self._tail.text.split())[-300:] or f"bwrap: exit status {self._status}"
            raise SandboxError(bubblewrap.unavailable() or f"sandbox: {words}")

    def _start(self, *, merged: bool) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
        """Start the first process: bubblewrap, or the program itself.

        Not in another thread: bubblewrap ends with the thread that started it.

        Returns:
            the process, what bubblewrap reports, and what opens its gate.
        """
        gate, opener = os.pipe()
        report, status = os.pipe()
        try:
            with self._command(gate, status) as (file, words, descriptors, environment, directory):
                popen = subprocess.Popen(
                    words,
                    executable=file,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                    env=environment,
                    cwd=directory,
                    pass_fds=descriptors,
                    start_new_session=True,
                    bufsize=0,
                )
        except BaseException:
            os.close(report)
            os.close(opener)
            raise
        finally:
            os.close(gate)
            os.close(status)
        return popen, open(report, "rb", 0), open(opener, "wb", 0)

    @contextmanager
    def _command(
        self, gate: int, status: int
    ) -> Iterator[tuple[str, list[str], tuple[int, ...], Mapping[str, str], Path | str]]:
        launch = self._launch
        if launch.sandboxed:
            if (file := bubblewrap.path()) is None:
                raise SandboxError(bubblewrap.unavailable() or "sandbox: bubblewrap is not installed")
            with bubblewrap.options(
                launch.tree,
                environment=launch.environment,
                readable=launch.readable,
                sockets=launch.sockets,
                temporary_bytes=self._limits.temporary_bytes,
                gate=gate,
                status=status,
            ) as (command, descriptors):
                # The shell says which program is missing, with the status that shells have for it.
                forwarding = bubblewrap.forwarding(launch.sockets) if launch.sockets else ()
                words = [*command, *forwarding, "/bin/sh", "-c", 'exec "$@"', "sh", *launch.words]
                yield file, words, descriptors, {}, "/"
            return
        mark, _, value = self._mark.partition("=")
        environment = {**launch.environment, mark: value}
        script = f'read -r _ </dev/fd/{gate}; exec "$@"'
        shell = "/bin/sh"
        yield shell, [shell, "-c", script, "sh", *launch.words], (gate,), environment, launch.tree

    async def _connect(self, popen: subprocess.Popen[bytes], *, merged: bool) -> "_Output":
        assert popen.stdin is not None
        assert popen.stdout is not None
        writing, protocol = await self._loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), popen.stdin
        )
        self.stdin = asyncio.StreamWriter(writing, protocol, None, self._loop)
        if not merged:
            self.stdout = await self._reader(popen.stdout)
        reading, output = await self._loop.connect_read_pipe(
            lambda: _Output(self._take_output), popen.stdout if merged else popen.stderr
        )
        self._transports += (writing, reading)
        return output

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=_LINE_BYTES)
        reading, _ = await self._loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._transports.append(reading)
        return reader

    def _take_output(self, chunk: bytes) -> None:
        try:
            self._tail.add(chunk)
        except Exception as error:  # noqa: BLE001  # the listener is the caller's, who gets its error
            self._failure = self._failure or error
            self.kill()
        if self._tail.total > self._limits.printed_bytes:
            self._exceed(f"it printed more than {size(self._limits.printed_bytes)}")

    def _exceed(self, reason: str) -> None:
        if self._stopped_because is None:
            self._stopped_because = reason
        self.kill()

    async def _limit(self, first: int, status: asyncio.StreamReader) -> None:
        """Set the limits of the program before it begins."""
        if self._launch.sandboxed:
            # Not to be killed before this: its second process would be left, and nobody would know its id.
            if not (line := await status.readline()):
                return  # bubblewrap has failed, and has said why
            first = json.loads(line)["child-pid"]
            self._init = _Process(first)
        limits = self._limits
        processes = limits.processes + _OWN_PROCESSES
        self._group = ControlGroup.make(limits.memory_bytes, processes)
        if self._group is not None:
            try:
                self._group.add(first)
            except OSError:
                self._group.remove()
                self._group = None
        own = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: limits.open_files,
            resource.RLIMIT_FSIZE: limits.file_bytes,
        }
        # A program that takes all it can get must leave this process enough to stop it.
        os.setpriority(os.PRIO_PROCESS, first, _NICE if self._group is not None else _NICEST)
        if self._group is None:
            own[resource.RLIMIT_DATA] = limits.memory_bytes
            if self._launch.sandboxed and os.geteuid() != 0 and _counts_processes_by_namespace():
                own[resource.RLIMIT_NPROC] = processes
        for kind, value in own.items():
            _, hard = resource.prlimit(first, kind)
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(first, kind, (most, most))

    async def _watch_time(self) -> None:
        """Stop the program when its time is over."""
        await asyncio.sleep(self._began + self._limits.seconds - self._loop.time())
        self._stopped_because = self._stopped_because or f"it ran longer than {span(self._limits.seconds)}"
        await self.stop()

    async def _watch_use(self) -> None:
        """Stop the program at its other limits."""
        pause = _LOOK if self._group is None else _LOOK_AT_GROUP
        disk_due = self._began + _DISK_LOOK
        while True:
            await asyncio.sleep(pause)
            if (reason := await asyncio.to_thread(self._look)) is not None:
                self._exceed(reason)
            if (began := self._loop.time()) >= disk_due:
                if (reason := await asyncio.to_thread(self._look_at_disk)) is not None:
                    self._exceed(reason)
                now = self._loop.time()
                disk_due = now + max(_DISK_LOOK, (now - began) / _DISK_SHARE)

    def _look(self) -> str | None:
        """Note what the program uses; return the limit that it exceeds."""
        limits = self._limits
        too_many = f"it had more than {limits.processes:,} processes and threads at once"
        too_large = f"it needed more than {size(limits.memory_bytes)} of memory"
        if self._group is not None:
            reading = self._group.read()
            self._peak_bytes = max(self._peak_bytes, reading.peak_bytes)
            if reading.processor_seconds is not None:
                self._processor_seconds = reading.processor_seconds
            return too_large if reading.memory_met else too_many if reading.processes_met else None
        processes = self._processes(limits.processes + 1)
        if len(processes) > limits.processes:
            return too_many
        usage = process_tree.usage(processes)
        self._peak_bytes = max(self._peak_bytes, usage.memory_bytes)
        self._processor_seconds = max(self._processor_seconds, usage.processor_seconds)
        if usage.memory_bytes > limits.memory_bytes:
            return too_large
        return too_many if usage.threads > limits.processes else None

    def _look_at_disk(self) -> str | None:
        limits, tree = self._limits, self._launch.tree
        room = os.statvfs(tree)
        if room.f_bavail * room.f_frsize < limits.free_bytes:
            return f"less than {size(limits.free_bytes)} was free on the disk of its directory"
        used = disk_use(tree, limits.disk_bytes)
        if used >= TOO_DEEP:
            return "the directories in its directory were nested too deeply"
        return f"its directory grew beyond {size(limits.disk_bytes)}" if used > limits.disk_bytes else None

    def _processes(self, enough: int | None = None) -> list[int]:
        """Return the processes of the program, without bubblewrap's own.

        Args:
            enough: the number after which no more are looked for.
        """
        if self._launch.sandboxed:
            return [] if self._init is None else process_tree.below(self._init.id, enough)
        found = process_tree.holding(self._mark)
        if self._group is not None:
            found += self._group.processes()
        elif self._process is not None:
            found += process_tree.below(self._process.id, enough)
        return list(set(found))

    async def _end_rest(self) -> None:
        """End what the program has left behind."""
        if self._init is not None:
            self._init.kill()
            await self._init.exited()
            # If this process is the first of a container, it has inherited the sandbox's first process.
            with suppress(ChildProcessError):
                os.waitpid(self._init.id, os.WNOHANG)
        elif not self._launch.sandboxed:
            if self._group is not None:
                self._group.admit_no_more()
            while rest := self._processes():
                process_tree.send(signal.SIGKILL, rest)
                await asyncio.sleep(0.01)
        if self._group is not None:
            reason = self._look()
            self._stopped_because = self._stopped_because or reason
            self._group.remove()

    def _reap(self, popen: subprocess.Popen[bytes]) -> None:
        _, status, used = os.wait4(popen.pid, 0)
        popen.returncode = os.waitstatus_to_exitcode(status)
        self._status = popen.returncode if popen.returncode >= 0 else _SIGNALLED - popen.returncode
        if not self._launch.sandboxed:
            self._processor_seconds = max(self._processor_seconds, used.ru_utime + used.ru_stime)


class _Process:
    """A process, by a descriptor that never means another one."""

    def __init__(self, id_: int) -> None:
        """Open a process that has not been waited for.

        Raises:
            ProcessLookupError: there is none.
        """
        self.id = id_
        self._descriptor: int | None = os.pidfd_open(id_)

    def kill(self) -> None:
        if self._descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    async def exited(self) -> None:
        """Return when it has exited."""
        assert self._descriptor is not None
        loop, exited = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, exited.set)
        try:
            await exited.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Output(asyncio.Protocol):
    """Passes on what is read from a pipe."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed.set()


def _counts_processes_by_namespace() -> bool:
    # Older kernels count all processes of the user.
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    return version is not None and (int(version[1]), int(version[2])) >= (5, 14)
