"""Sets up the logging of a process that belongs to a runner; programs that embed Recursor keep their own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from recursor.runner.log_file import LogFile

# What the log file holds, unless stderr is told more.
FILE_LEVEL = logging.INFO

# How often the same complaint of another library is passed on, in seconds, and how many are remembered.
_REPEAT_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class Logging:
    """Has what is logged in this process told on stderr and kept in a file, from `with` to its end.

    What other libraries log is kept from warnings on.
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
        """Prepare it.

        Args:
            level: the least serious record that is told on stderr.
            console: makes the lines for stderr.
            file: where records are kept; None: nowhere. It is closed at the end.
            file_formatter: makes the lines for the file.
            told_anyway: loggers whose records stderr need not tell, but for errors, for the person sees what
                they say already.
            file_level: the least serious record that is kept, or `level` if that is less.
        """
        self._file = file
        self._handlers: list[logging.Handler] = [_Console(level, console, told_anyway)]
        if file is not None and file_formatter is not None:
            self._handlers.append(_Kept(min(level, file_level), file_formatter, file))
        self._before: tuple[int, list[logging.Handler]] | None = None

    def __enter__(self) -> Logging:
        """Take the place of whatever handlers there are."""
        root = logging.getLogger()
        self._before = root.level, root.handlers[:]
        root.handlers[:] = self._handlers
        root.setLevel(min(handler.level for handler in self._handlers))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give back what was there."""
        if self._before is not None:
            root = logging.getLogger()
            level, root.handlers[:] = self._before
            root.setLevel(level)
        for handler in self._handlers:
            handler.close()
        if self._file is not None:
            self._file.close()


class _Ours(logging.Filter):
    """Lets pass what Recursor logs, and of others what is a warning at least, each once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == "recursor":
            return True
        if record.levelno < logging.WARNING:
            return False
        # A collector that is away, for one, is complained about every few seconds.
        which = record.name, str(record.msg)
        if record.created - self._told.get(which, float("-inf")) < _REPEAT_SECONDS:
            return False
        if len(self._told) >= _MOST_REMEMBERED:
            self._told.clear()
        self._told[which] = record.created
        return True


class _Console(logging.Handler):
    """Writes to what is stderr at the moment: a live picture may have replaced it."""

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
        except Exception:  # noqa: BLE001  # whatever a record holds, who logs it goes on
            self.handleError(record)
            return
        with suppress(OSError, ValueError):
            # Nobody is there to be told that nobody reads stderr.
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # that is where it belongs


class _Kept(logging.Handler):
    """Writes to the log file, and what it lost once there is room again."""

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
        except Exception:  # noqa: BLE001  # whatever a record holds, who logs it goes on
            self.handleError(record)
            return
        self._log.write(line.encode() + b"\n")
