"""The log of `run`: its contents, places and formats."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from recursor.cli.output import complain
from recursor.domain.process_settings import ProcessSettings
from recursor.runner.data_paths import log_file

if TYPE_CHECKING:
    from recursor.runner.process import Runner

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "human", "json"]

# Events of stacks, and their trouble, are shown in the live picture.
_SHOWN = ("recursor.actors", "recursor.runtime", "recursor.events")

logger = logging.getLogger("recursor.runner")


class RunLog:
    """The log of a runner's process, from `with` to its end; `watch` adds events of stacks."""

    def __init__(self, wanted: ProcessSettings, data: Path, token: str | None, *, shown: bool) -> None:
        """Prepare the log.

        Args:
            wanted: level, format, and whether to keep a log file.
            data: the data directory.
            token: the clients' token, which must not appear in a log.
            shown: whether stdout shows events of stacks.
        """
        # Only a runner needs them, and their import takes time.
        from recursor.runner.log_file import LogFile
        from recursor.runner.log_records import json_formatter, stderr_formatter
        from recursor.runner.log_secrets import known_secrets
        from recursor.runner.logs import FILE_LEVEL, Logging

        self._path = log_file(data)
        self._file = LogFile(self._path) if wanted.log_file else None
        secrets = known_secrets(os.environ, token)
        kept = json_formatter("runner", secrets)
        console = stderr_formatter("runner", secrets, wanted.log_format)
        level = logging.getLevelNamesMapping()[wanted.log_level.upper()]
        # Below the level warning, everything is logged, shown or not.
        told_anyway = _SHOWN if shown and level >= logging.WARNING else ()
        self._logging = Logging(level, console, self._file, kept, told_anyway)
        self._level = level if self._file is None else min(level, FILE_LEVEL)

    @contextmanager
    def watch(self, runner: Runner) -> Iterator[None]:
        """Log events of the stacks of `runner`, from its start to its end."""
        from recursor.runner.event_log import EventLog

        logger.info("the runner is up: %s, process %d, %s", runner.data, os.getpid(), runner.url)
        if self._file is not None and self._file.problem is not None:
            complain(f"{self._path}: no log is kept there: {self._file.problem}")
        with ExitStack() as held:
            held.callback(logger.info, "the runner has ended")
            held.enter_context(EventLog(runner.orchestrator, runner.store, self._level))
            yield

    def __enter__(self) -> RunLog:
        """Start logging."""
        self._logging.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop logging."""
        self._logging.__exit__(kind, error, traceback)
