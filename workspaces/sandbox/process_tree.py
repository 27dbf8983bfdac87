"""The processes below one process: who they are, what they use, and their end."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What some processes use together."""

    threads: int = 0
    memory_bytes: int = 0
    """Without what they share with files, such as libraries."""
    processor_seconds: float = 0.0
    """With that of their children that have ended."""


def below(root: int, enough: int | None = None) -> list[int]:
    """Return the ids of the processes below `root`, without itself. Those that end meanwhile may be missing.

    Args:
        root: the id of a process.
        enough: the number after which no more are looked for: there may be many thousands.
    """
    if not os.path.exists(f"/proc/{root}/task/{root}/children"):
        return _below_by_parents(root)
    found: list[int] = []
    waiting = [root]
    while waiting and (enough is None or len(found) < enough):
        process = waiting.pop()
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                with suppress(OSError):
                    children = [
                        int(each) for each in _read(f"/proc/{process}/task/{thread}/children").split()
                    ]
                    found += children
                    waiting += children
    return found


def _below_by_parents(root: int) -> list[int]:
    # Kernels without CONFIG_PROC_CHILDREN: all processes of the machine.
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError, IndexError):
                children.setdefault(int(_fields(int(name))[1]), []).append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        more = children.get(waiting.pop(), [])
        found += more
        waiting += more
    return found


def usage(processes: Iterable[int]) -> ProcessUsage:
    """Return what these processes use together. Those that have ended are left out."""
    threads = pages = ticks = 0
    for process in processes:
        with suppress(OSError, IndexError, ValueError):
            fields = _fields(process)
            resident, shared = _read(f"/proc/{process}/statm").split()[1:3]
            threads += int(fields[17])
            ticks += sum(map(int, fields[11:15]))
            pages += int(resident) - int(shared)
    return ProcessUsage(threads, pages * _PAGE, ticks / _TICKS)


def _fields(process: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the third (the state) on: a name may hold anything."""
    return _read(f"/proc/{process}/stat").rpartition(b")")[2].split()


def send(number: signal.Signals, processes: Iterable[int]) -> None:
    """Send a signal to each of the processes that still exists."""
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def holding(variable: str) -> list[int]:
    """Return the processes of this machine that have inherited an environment variable.

    Args:
        variable: NAME=VALUE.
    """
    entry = variable.encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                if entry in _read(f"/proc/{name}/environ").split(b"\0") and _fields(int(name))[0] != b"Z":
                    found.append(int(name))
    return found


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
