"""The command `logs`: what a runner logged."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from recursor.cli.access import find, open_data
from recursor.cli.following import follow
from recursor.cli.options import DEFAULT_DATA, Data, Json
from recursor.cli.output import draw, print_json, print_json_line, say_of_nothing
from recursor.cli.run_log import LogLevel
from recursor.cli.wording import parse_span
from recursor.domain.errors import NotFoundError
from recursor.domain.record import iso
from recursor.runner.access import Access
from recursor.runner.log_reader import LogReader, LogRecord
from recursor.runner.places import log_file

_USUAL_LIMIT = 100
_LEVELS = logging.getLevelNamesMapping()


def logs(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="STACK", help="Only what is of this stack: its id, the first digits, its name."
        ),
    ] = None,
    go_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is logged.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="SPAN", help="How far to look back: 90s, 15m, 24h, 7d.")
    ] = None,
    level: Annotated[LogLevel, typer.Option("--level", help="The least serious that is shown.")] = "info",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=1, metavar="N", help="How many at most. [default: 100; with --since all]"
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show what the runner logged, the newest last; with a runner or without."""
    begin = None if since is None else iso(max(time.time() - parse_span(since, "--since"), 0.0))
    most = _USUAL_LIMIT if limit is None and since is None else limit
    with open_data(data) as access:
        is_of = None if stack is None else _is_of(access, stack)
    least = _LEVELS[level.upper()]

    def wanted(record: LogRecord) -> bool:
        return _LEVELS.get(str(record.get("level", "")).upper(), least) >= least and (
            is_of is None or is_of(record)
        )

    with LogReader(log_file(data), wanted) as reader:
        found = reader.newest(most, begin)
        if go_on:
            _show(found, json)
            follow(lambda: _show(reader.newer(), json))
            return
    if json:
        print_json(found)
    else:
        _show(found, json=False)
    if not found:
        only = " like that" if stack or since or level != "info" else ""
        say_of_nothing(f"nothing{only} in {log_file(data)}: `recursor run` writes it", json)


def _is_of(access: Access, named: str) -> Callable[[LogRecord], bool]:
    """Return what tells whether a record is of the stack that was named: also of one that is gone by now."""
    with suppress(NotFoundError):
        stack_id = find(access, named)
        return lambda record: record.get("stack") == stack_id
    folded = named.casefold()
    return lambda record: (
        str(record.get("stack", "")).startswith(folded) or str(record.get("name", "")).casefold() == folded
    )


def _show(records: Sequence[LogRecord], json: bool) -> None:
    if json:
        for record in records:
            print_json_line(record)
    elif records:
        from recursor.cli.log_lines import log_line

        draw(*(log_line(record) for record in records))
