"""Determines whether the machine's time was set since a process began."""

import os
import time
from pathlib import Path

# The field of /proc/PID/stat with the start of a process in clock ticks since boot (proc(5)), counted after
# the process's name.
_STARTED = 19


def clock_step(pid: int, started_at: float) -> float | None:
    """Return the seconds by which the machine's time was set forward since a process began; 0 if it was not.

    The system records the start of a process on a monotonic clock, and the process recorded the time, then
    or, in a program that embeds Recursor, later: so only a step forward is visible.

    Args:
        pid: the process.
        started_at: the start time recorded by the process, seconds since the epoch, UTC.

    Returns:
        None if the system does not report it; Linux does.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        ticks = int(text.rpartition(")")[2].split()[_STARTED])
        machine_started_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return max(machine_started_at + ticks / os.sysconf("SC_CLK_TCK") - started_at, 0.0)
    except (OSError, ValueError, IndexError, AttributeError):
        return None
