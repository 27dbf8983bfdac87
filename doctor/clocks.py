"""Gathers whether the machine's time was set since a process began."""

import os
import time
from pathlib import Path

# The field of /proc/PID/stat that says when a process began, in clock ticks since the machine was started
# (proc(5)), counted from what follows the process's name.
_STARTED = 19


def clock_step(pid: int, started_at: float) -> float | None:
    """Return the seconds by which the machine's time was set forward since a process began; 0 if it was not.

    The system counts when a process began on a clock that nobody sets, and the process wrote down what the
    time was, then or, where a program runs stacks among other things, later: so only a step forward shows.

    Args:
        pid: the process.
        started_at: what it took for the time when it had started, seconds since the epoch, UTC.

    Returns:
        None where the system does not tell; Linux does.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        ticks = int(text.rpartition(")")[2].split()[_STARTED])
        machine_started_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return max(machine_started_at + ticks / os.sysconf("SC_CLK_TCK") - started_at, 0.0)
    except (OSError, ValueError, IndexError, AttributeError):
        return None
