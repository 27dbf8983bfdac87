"""Who holds a data directory: a runner as long as it is up, or a command for a moment."""

import time
from datetime import UTC, datetime
from pathlib import Path

from recursor.storage.data_directory import DataDirectoryLock, Holder, holder
from recursor.storage.errors import DirectoryInUseError

# From one try to the next, in seconds.
PAUSE_SECONDS = 0.02

# How long a runner waits for commands that are about to end, in seconds.
RUNNER_PATIENCE_SECONDS = 3.0

_COMMAND = "command"


def hold_for_command(data: Path) -> DataDirectoryLock:
    """Take hold of a data directory for the length of a command.

    Raises:
        DirectoryInUseError, StorageError: see `DataDirectoryLock`.
    """
    lock = DataDirectoryLock(data, started_at=datetime.now(UTC))
    lock.update(**{_COMMAND: True})
    return lock


def hold_for_runner(data: Path, patience: float = RUNNER_PATIENCE_SECONDS) -> DataDirectoryLock:
    """Take hold of a data directory for a runner; wait for commands, and for nothing else.

    Args:
        data: the data directory.
        patience: how long to wait at most, in seconds.

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
