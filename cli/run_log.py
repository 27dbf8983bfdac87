"""What `run` logs, where, and how it looks there."""

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

# What happens to stacks is seen in the live picture, too, and their trouble.
_SHOWN = ("recursor.actors", "recursor.runtime", "recursor.events")

logger = logging.getLogger("recursor.runner")


class RunLog:
    """The log of a runner's process, from `with` to its end; `watch` has it tell what happens to stacks."""

    def __init__(self, wanted: ProcessSettings, data: Path, token: str | None, *, shown: bool) -> None:
        """Prepare it.

        Args:
            wanted: level, format, and whether there is a log file.
            data: the data directory.
            token: the token that clients must show, which must not be read in a log.
            shown: whether stdout shows what happens to stacks.
        """
        # Nothing but a runner needs them, and they take their time to import.
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
        # Who asks for more than warnings gets it, seen or not.
        told_anyway = _SHOWN if shown and level >= logging.WARNING else ()
        self._logging = Logging(level, console, self._file, kept, told_anyway)
        self._level = level if self._file is None else min(level, FILE_LEVEL)

    @contextmanager
    def watch(self, runner: Runner) -> Iterator[None]:
        """Log what happens to the stacks of `runner`, from when it is up to its end."""
        from recursor.runner.event_log import EventLog

        logger.info("the runner is up: %s, process %d, %s", runner.data, os.getpid(), runner.url)
        if self._file is not None and self._file.problem is not None:
            complain(f"{self._path}: no log is kept there: {self._file.problem}")
        with ExitStack() as held:
            held.callback(logger.info, "the runner has ended")
            held.enter_context(EventLog(runner.orchestrator, runner.store, self._level))
            yield

    def __enter__(self) -> RunLog:
        """Begin to log."""
        self._logging.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Log no more."""
        self._logging.__exit__(kind, error, traceback)
