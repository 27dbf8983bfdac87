"""A log record on a terminal."""

from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.wording import clock_time
from recursor.domain.log import LogRecord
from recursor.domain.record import seconds_of

_STYLES = {"debug": "bright_black", "info": "green", "warning": "yellow", "error": "red", "critical": "red"}
_SHOWN_APART = ("time", "level", "event", "name", "exception", "logger", "part")


def log_line(record: LogRecord) -> Text:
    """Return a record as one line: time, level, logger, event, and further fields.

    An exception follows on separate lines.
    """
    level = str(record.get("level", ""))
    line = Text.assemble(
        (_when(record), "bright_black"), "  ", (f"{one_line(level):<7}", _STYLES.get(level, "")), "  "
    )
    if record.get("name"):
        line.append(f"{one_line(str(record['name']))}: ", "bold")
    line.append(one_line(str(record.get("event", ""))))
    more = [f"{key}={_said(value)}" for key, value in record.items() if key not in _SHOWN_APART]
    if more:
        line.append("  " + one_line(" ".join(more)), "bright_black")
    if record.get("exception"):
        line.append("\n" + neutral(str(record["exception"])), "red")
    return line


def _when(record: LogRecord) -> str:
    try:
        return clock_time(seconds_of(str(record["time"])))
    except (ValueError, OverflowError):
        return one_line(str(record["time"]))


def _said(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return repr(text) if " " in text else text
