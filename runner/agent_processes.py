"""The processes that agents run in besides the runner's: begun, replaced, and ended."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from recursor.agents.hosts.host import Host
from recursor.agents.model.exchange import LOOK_SECONDS, Exchange
from recursor.runner.replacing import FAREWELL_SECONDS, Pauses

logger = logging.getLogger("recursor.runner")

MODULE = "recursor.runner.agent_main"


@dataclass(frozen=True, slots=True)
class AgentAssignment:
    """What such a process is told first of all."""

    team: str | None
    """The name of the team, as for `team_named`."""
    data: Path
    log: bool
    """Whether it writes to the log in the data directory."""


class AgentProcesses:
    """Some processes, from `start` to `stop`, whatever becomes of each."""

    def __init__(self, count: int, assignment: AgentAssignment, exchange: Exchange) -> None:
        """Prepare `count` processes, whose calls wait in line at `exchange`."""
        self._assignment = assignment
        self._exchange = exchange
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._hosts: dict[int, Host] = {}
        self._threads = [
            threading.Thread(target=self._keep, args=(place,), name=f"recursor-host-keeper-{place}")
            for place in range(count)
        ]
        self._threads.append(threading.Thread(target=self._watch, name="recursor-host-watcher"))
        for thread in self._threads:
            thread.daemon = True

    def start(self) -> None:
        """Begin them. Until one is up, agents run in the runner's own process."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End them, with all that runs in them."""
        with self._lock:
            self._stopping.set()
            hosts = list(self._hosts.values())
        for host in hosts:
            host.close()
        for thread in self._threads:
            thread.join()

    def host(self) -> Host | None:
        """Return the process with the fewest runs, or None while there is none."""
        up = [host for host in self.all() if host.is_up]
        return min(up, key=lambda host: host.running, default=None)

    def all(self) -> list[Host]:
        """Return those that there are, up or not yet."""
        with self._lock:
            return list(self._hosts.values())

    def _tell_all(self, message: object) -> None:
        for host in self.all():
            host.tell(message)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for host in self.all():
                host.cancel_unwanted()

    def _keep(self, place: int) -> None:
        pauses = Pauses()
        while not self._stopping.is_set():
            since = time.monotonic()
            try:
                process = self._begin(place)
            except OSError as error:
                logger.error("a process for agents could not be started: %s", error)
            else:
                if process is not None:
                    self._see_out(process, place)
            if self._stopping.wait(pauses.after(time.monotonic() - since)):
                return

    def _begin(self, place: int) -> subprocess.Popen[bytes] | None:
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._stopping.is_set():
                ours.close()
                return None
            command = [sys.executable, "-m", MODULE, str(theirs.fileno())]
            try:
                process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
            except OSError:
                ours.close()
                raise
            host = Host(ours, process.pid, self._exchange, self._tell_all)
            host.tell(self._assignment)
            self._hosts[place] = host
        return process

    def _see_out(self, process: subprocess.Popen[bytes], place: int) -> None:
        """Wait for the end of a process, which comes at any time, or is asked for."""
        host = self._hosts[place]
        reaper = threading.Thread(target=_reap, args=(process, host), daemon=True)
        reaper.start()
        host.wait()
        try:
            process.wait(FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        reaper.join()
        code = process.returncode
        with self._lock:
            del self._hosts[place]
        if not self._stopping.is_set():
            logger.error("a process for agents ended with code %s: another one takes its place", code)


def _reap(process: subprocess.Popen[bytes], host: Host) -> None:
    process.wait()
    # What it has started may hold the link still.
    host.close()
