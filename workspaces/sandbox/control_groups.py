"""Control groups: the kernel's own limits of a group of processes, where this process may make a group."""

import itertools
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_numbers = itertools.count(1)

_PREFIX = "recursor-"

# Groups that could not be removed yet: their last process has ended, but not been waited for.
_remaining: set[Path] = set()


@dataclass(frozen=True, slots=True)
class GroupReading:
    """What a group uses, and the limits that it has met."""

    memory_met: bool
    processes_met: bool
    peak_bytes: int
    processor_seconds: float | None
    """None where the kernel does not count it."""


@dataclass(frozen=True, slots=True)
class _Names:
    """The files of one version of control groups."""

    memory: str
    swap: str
    swap_bytes: int | None
    """None: the limit of memory and swap together is that of memory."""
    events: str
    peak: str


_SECOND = _Names("memory.max", "memory.swap.max", 0, "memory.events", "memory.peak")
_FIRST = _Names(
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    None,
    "memory.oom_control",
    "memory.max_usage_in_bytes",
)


class ControlGroup:
    """One group, until `remove`."""

    def __init__(self, memory: Path, pids: Path, others: tuple[Path, ...], names: _Names) -> None:
        self._memory, self._pids, self._names = memory, pids, names
        self.directories = tuple(dict.fromkeys((memory, pids, *others)))

    @classmethod
    def make(cls, memory_bytes: int, processes: int) -> Self | None:
        """Make a group with these limits, or return None where that is not possible.

        It is possible for root if /sys/fs/cgroup is writable, and for a user in a part of the tree that
        systemd has delegated to them (a user service or scope).

        Args:
            memory_bytes: the most memory, swap included; the kernel kills a process of a group with more.
            processes: the most processes and threads; the kernel starts no more.
        """
        _remove(_remaining)
        name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        for parents, names in _parents():
            made = [parent / name for parent in parents]
            try:
                for directory in made:
                    directory.mkdir(exist_ok=True)
                group = cls(made[0], made[1], tuple(made[2:]), names)
                group._limit(memory_bytes, processes)
            except OSError:
                _remove(made)
                continue
            return group
        return None

    def _limit(self, memory_bytes: int, processes: int) -> None:
        names = self._names
        (self._memory / names.memory).write_text(str(memory_bytes))
        (self._pids / "pids.max").write_text(str(processes))
        swap = self._memory / names.swap
        if swap.exists():
            swap.write_text(str(memory_bytes if names.swap_bytes is None else names.swap_bytes))
        if (whole := self._memory / "memory.oom.group").exists():
            whole.write_text("1")

    def add(self, process: int) -> None:
        """Move a process into the group; its later children belong to it, too.

        Raises:
            OSError: it cannot be moved.
        """
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(process))

    def read(self) -> GroupReading:
        """Return what the group uses, and which limits it has met."""
        memory = _numbers_of(self._memory / self._names.events)
        pids = _numbers_of(self._pids / "pids.events")
        return GroupReading(
            memory_met=memory.get("oom_kill", 0) > 0,
            processes_met=pids.get("max", 0) > 0,
            peak_bytes=_number(self._memory / self._names.peak) or 0,
            processor_seconds=self._processor_seconds(),
        )

    def _processor_seconds(self) -> float | None:
        for directory in self.directories:
            if (nanoseconds := _number(directory / "cpuacct.usage")) is not None:
                return nanoseconds / 1e9
            if (microseconds := _numbers_of(directory / "cpu.stat").get("usage_usec")) is not None:
                return microseconds / 1e6
        return None

    def processes(self) -> list[int]:
        """Return the processes of the group that have not ended; none of a group that was removed."""
        try:
            listed = (self._pids / "cgroup.procs").read_text()
        except FileNotFoundError:
            return []
        return [int(each) for each in listed.split()]

    def admit_no_more(self) -> None:
        """Let none of its processes start another one."""
        (self._pids / "pids.max").write_text("0")

    def remove(self) -> None:
        """Remove the group, whose processes have ended."""
        _remove(self.directories)


def remove_abandoned() -> None:
    """Remove the empty groups of processes that were killed."""
    for parents, _ in _parents():
        for parent in parents:
            for group in list(parent.glob(f"{_PREFIX}*")):
                process = group.name.split("-")[1]
                if process.isdecimal() and not os.path.exists(f"/proc/{process}"):
                    with suppress(OSError):
                        group.rmdir()


def _remove(directories: Iterable[Path]) -> None:
    for directory in list(directories):
        try:
            directory.rmdir()
        except FileNotFoundError:
            _remaining.discard(directory)
        except OSError:
            _remaining.add(directory)
        else:
            _remaining.discard(directory)


def _parents() -> list[tuple[list[Path], _Names]]:
    """Return where a group can be tried: one directory for each tree, memory and pids first."""
    try:
        own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return []
    paths = {controller: path for _, controllers, path in own for controller in controllers.split(",")}
    found: list[tuple[list[Path], _Names]] = []
    first: dict[str, Path] = {}
    for fields in mounts:
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        mount, root = Path(fields[4]), fields[3]
        if kind == "cgroup2" and (path := paths.get("")) is not None:
            here = _inside(mount, root, path)
            # A group with processes of its own cannot give controllers to groups in it; its parent can.
            found += [
                ([place, place], _SECOND) for place in (here, here.parent) if mount in (place, *place.parents)
            ]
        elif kind == "cgroup":
            for controller in ("memory", "pids", "cpuacct"):
                if controller in options and controller in paths:
                    first[controller] = _inside(mount, root, paths[controller])
    if "memory" in first and "pids" in first:
        found.append(([first[each] for each in ("memory", "pids", "cpuacct") if each in first], _FIRST))
    return found


def _inside(mount: Path, root: str, path: str) -> Path:
    # In a container, the mount may show only the container's own part of the tree.
    if root != "/":
        path = path.removeprefix(root)
    directory = mount / path.lstrip("/")
    return directory if directory.is_dir() else mount


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _numbers_of(path: Path) -> dict[str, int]:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
