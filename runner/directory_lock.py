"""Locks a data directory: a runner for as long as it is up, or a command for a moment."""

import time
from datetime import UTC, datetime
from pathlib import Path

from recursor.storage.data_directory import DataDirectoryLock, Holder, holder
from recursor.storage.errors import DirectoryInUseError

# Seconds between two tries.
PAUSE_SECONDS = 0.02

# Seconds that a runner waits for commands that are about to end.
RUNNER_PATIENCE_SECONDS = 3.0

_COMMAND = "command"


def hold_for_command(data: Path) -> DataDirectoryLock:
    """Lock a data directory during a command.

    Raises:
        DirectoryInUseError, StorageError: see `DataDirectoryLock`.
    """
    lock = DataDirectoryLock(data, started_at=datetime.now(UTC))
    lock.update(**{_COMMAND: True})
    return lock


def hold_for_runner(data: Path, patience: float = RUNNER_PATIENCE_SECONDS) -> DataDirectoryLock:
    """Lock a data directory for a runner; wait only for commands.

    Args:
        data: the data directory.
        patience: the most seconds to wait.

    Raises:
        DirectoryInUseError, StorageError: see `DataDirectoryLock`.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return DataDirectoryLock(data, started_at=datetime.now(UTC))
        except DirectoryInUseError:
            if _is_runner(holder(data)) or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def runner_of(data: Path) -> Holder | None:
    """Return the runner that holds a data directory, or None.

    Raises:
        StorageError: the lock file cannot be read.
    """
    found = holder(data)
    return None if found is None or _COMMAND in found.details else found


def _is_runner(found: Holder | None) -> bool:
    return found is not None and found.details.get("control") is not None
