"""The files of a log, and the records in their lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType

import orjson

from recursor.domain.log import LogRecord
from recursor.runner.log_file import numbered
from recursor.storage.errors import StorageError


def log_names(path: Path) -> Iterator[Path]:
    """Yield the possible names of a log's files, newest first."""
    missing = 0
    for number in count(0):
        name = numbered(path, number) if number else path
        yield name
        # While the files are renamed, there is a gap.
        missing = 0 if name.exists() else missing + 1
        if missing > 1:
            return


def record_in(line: bytes) -> LogRecord | None:
    """Return the record in a line; None for an incomplete one, as left by a killed process or a full disk."""
    with suppress(orjson.JSONDecodeError):
        record = orjson.loads(line)
        if isinstance(record, dict) and "time" in record:
            return record
    return None


class explained:  # noqa: N801  # reads as a statement
    """Turns file system errors into Recursor's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise StorageError(
                f"{self._path}: cannot be read: {error.strerror}: let this user read it"
            ) from error
