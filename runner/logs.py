"""Sets up the logging of a runner's process; programs that embed Recursor keep their own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType

from recursor.runner.log_file import LogFile

# The level of the log file, unless stderr's is lower.
FILE_LEVEL = logging.INFO

# Seconds between two copies of the same warning of another library, and how many are remembered.
_REPEAT_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class Logging:
    """Logs this process to stderr and a file, from `with` to its end.

    Other libraries' records are kept from the level warning on.
    """

    def __init__(
        self,
        level: int,
        console: logging.Formatter,
        file: LogFile | None = None,
        file_formatter: logging.Formatter | None = None,
        told_anyway: Sequence[str] = (),
        *,
        file_level: int = FILE_LEVEL,
    ) -> None:
        """Prepare the logging.

        Args:
            level: the lowest level for stderr.
            console: the formatter for stderr.
            file: the log file; None: none. It is closed at the end.
            file_formatter: the formatter for the file.
            told_anyway: loggers whose records, except errors, stderr omits because the person sees their
                content anyway.
            file_level: the lowest level for the file, or `level` if that is lower.
        """
        self._file = file
        self._handlers: list[logging.Handler] = [_Console(level, console, told_anyway)]
        if file is not None and file_formatter is not None:
            self._handlers.append(_Kept(min(level, file_level), file_formatter, file))
        self._before: tuple[int, list[logging.Handler]] | None = None

    def __enter__(self) -> Logging:
        """Replace the existing handlers."""
        root = logging.getLogger()
        self._before = root.level, root.handlers[:]
        root.handlers[:] = self._handlers
        root.setLevel(min(handler.level for handler in self._handlers))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the previous handlers."""
        if self._before is not None:
            root = logging.getLogger()
            level, root.handlers[:] = self._before
            root.setLevel(level)
        for handler in self._handlers:
            handler.close()
        if self._file is not None:
            self._file.close()


@contextmanager
def audit_kept(file: LogFile, formatter: logging.Formatter) -> Iterator[None]:
    """Write the audit log to a file, in a process whose logging is not ours, and close the file at the end.

    Args:
        file: the log file.
        formatter: the formatter for it.
    """
    audit = logging.getLogger("recursor.audit")
    before = audit.level, audit.propagate
    handler = _Kept(FILE_LEVEL, formatter, file)
    if not audit.isEnabledFor(FILE_LEVEL):
        # The program wants no such records in its own log.
        audit.setLevel(FILE_LEVEL)
        audit.propagate = False
    audit.addHandler(handler)
    try:
        yield
    finally:
        audit.removeHandler(handler)
        audit.setLevel(before[0])
        audit.propagate = before[1]
        handler.close()
        file.close()


class _Ours(logging.Filter):
    """Passes Recursor's records, and other libraries' warnings and errors, each once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == "recursor":
            return True
        if record.levelno < logging.WARNING:
            return False
        # For example, an unreachable collector causes a warning every few seconds.
        which = record.name, str(record.msg)
        if record.created - self._told.get(which, float("-inf")) < _REPEAT_SECONDS:
            return False
        if len(self._told) >= _MOST_REMEMBERED:
            self._told.clear()
        self._told[which] = record.created
        return True


class _Console(logging.Handler):
    """Writes to the current stderr: a live picture may have replaced it."""

    def __init__(self, level: int, formatter: logging.Formatter, told_anyway: Sequence[str]) -> None:
        super().__init__(level)
        self.setFormatter(formatter)
        self.addFilter(_Ours())
        self._told_anyway = tuple(told_anyway)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR and record.name.startswith(self._told_anyway):
            return
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # a bad record must not stop its logger
            self.handleError(record)
            return
        with suppress(OSError, ValueError):
            # There is no one to tell when nobody reads stderr.
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # it belongs on stderr


class _Kept(logging.Handler):
    """Writes to the log file, and notes lost records once there is room again."""

    def __init__(self, level: int, formatter: logging.Formatter, file: LogFile) -> None:
        super().__init__(level)
        self.setFormatter(formatter)
        self.addFilter(_Ours())
        self._log = file

    def emit(self, record: logging.LogRecord) -> None:
        lost = self._log.lost
        self._write(record)
        if lost and self._log.problem is None:
            self._log.lost = 0
            self._write(
                logging.makeLogRecord(
                    {"name": "recursor.runner", "levelno": logging.WARNING, "levelname": "WARNING"}
                    | {"msg": "%d records before this one could not be written", "args": (lost,)}
                )
            )

    def _write(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # a bad record must not stop its logger
            self.handleError(record)
            return
        self._log.write(line.encode() + b"\n")
