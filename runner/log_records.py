"""The format of log records: one JSON object a line for programs, one coloured line for people."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from recursor.domain.errors import in_one_line
from recursor.domain.record import iso
from recursor.runner.log_secrets import in_json, without_secrets

# Fields that library code may add to a record through `extra`.
_EXTRAS = ("stack", "execution", "node")


def events_logger() -> structlog.stdlib.BoundLogger:
    """Return the logger for events of stacks, which takes ids as keywords; nothing global is set."""
    logger = structlog.wrap_logger(
        logging.getLogger("recursor.events"),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast("structlog.stdlib.BoundLogger", logger)


def json_formatter(part: str, secrets: Iterable[str]) -> logging.Formatter:
    """Return the formatter for JSON: `time`, `level`, `part`, `logger`, `event`, and further fields.

    Args:
        part: the name of the runner's process.
        secrets: texts to black out.
    """

    def arranged(_: WrappedLogger, __: str, record: EventDict) -> EventDict:
        head = {key: record.pop(key) for key in ("time", "level", "logger", "event")}
        head["event"] = str(head["event"])
        return {**head, "part": part, **record}

    def rendered(_: WrappedLogger, __: str, record: EventDict) -> str:
        text = orjson.dumps(record, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        return without_secrets(text, hidden)

    hidden = in_json(secrets)
    return _formatter([structlog.processors.format_exc_info, _storable, arranged, rendered])


def human_formatter(secrets: Iterable[str], *, colours: bool, tracebacks: bool) -> logging.Formatter:
    """Return the formatter for people.

    Args:
        secrets: texts to black out.
        colours: whether the terminal shows colours.
        tracebacks: whether to show full tracebacks instead of one line.
    """
    render = structlog.dev.ConsoleRenderer(
        colors=colours,
        pad_event_to=0,
        pad_level=False,
        timestamp_key="time",
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )

    def rendered(logger: WrappedLogger, name: str, record: EventDict) -> str:
        record.pop("logger", None)
        if "stack" in record:
            # The renderer would take it for a stack trace.
            record = {"id": record.pop("stack"), **record}
        record["time"] = datetime.fromisoformat(record["time"]).astimezone().strftime("%H:%M:%S")
        return without_secrets(str(render(logger, name, record)), hidden)

    hidden = list(secrets)
    return _formatter([*([] if tracebacks else [_error_in_one_line]), _neutral, rendered])


def stderr_formatter(part: str, secrets: Sequence[str], wanted: str = "auto") -> logging.Formatter:
    """Return the formatter for a process's stderr.

    Args:
        part: the name of the runner's process.
        secrets: texts to black out.
        wanted: "human" or "json"; "auto" for people on a terminal, else JSON.
    """
    terminal = sys.stderr.isatty()
    if wanted == "json" or (wanted == "auto" and not terminal):
        return json_formatter(part, secrets)
    return human_formatter(
        secrets,
        colours=terminal and "NO_COLOR" not in os.environ,
        tracebacks=bool(os.environ.get("RECURSOR_DEBUG")),
    )


def _formatter(processors: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=_EXTRAS)],
        processors=[_described, structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
    )


def _described(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    event["level"] = record.levelname.lower()
    event["logger"] = record.name
    event.setdefault("time", iso(record.created))
    return {key: value for key, value in event.items() if value is not None}


def _error_in_one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = in_one_line(error)
    return event


def _neutral(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            # Texts of agents and people must not control the terminal.
            event[key] = "".join(each if each.isprintable() else repr(each)[1:-1] for each in value)
    return event


def _storable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: _text(value) if isinstance(value, str) else value for key, value in event.items()}


def _text(value: str) -> str:
    # An unpaired surrogate, as in a file name, is not valid JSON.
    return value.encode(errors="backslashreplace").decode()
