"""A directory that appears complete or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recursor.storage.errors import StorageError


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """Yield an empty directory to fill; it becomes `target` when the `with` block ends without an error.

    The contents are on disk before the directory gets its name. A process killed in between leaves at most a
    directory `.<name>.<random>.unfinished` beside it.

    Args:
        target: A directory that is empty or doesn't exist; its parents are created.

    Raises:
        StorageError: It is not empty, is a file, or can't be written.
    """
    target = target.absolute()
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StorageError(f"{target}: exists and is not an empty directory: name another one")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(
            tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent)
        )
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield unfinished
        for path in [*unfinished.iterdir(), unfinished]:
            _sync(path)
        # The system replaces an empty directory in one step, and refuses one that was filled meanwhile.
        unfinished.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(target: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{target}: can't be written: {error.strerror}: name another place, or make room there"
    )
