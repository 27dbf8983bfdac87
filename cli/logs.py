"""The command `logs`: a runner's log."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.following import PERIOD_SECONDS, follow
from recursor.cli.log_pages import FollowedLog
from recursor.cli.options import HERE, Json, Place
from recursor.cli.output import complain, draw, print_json, print_json_line, say_of_nothing
from recursor.cli.run_log import LogLevel
from recursor.cli.wording import parse_span
from recursor.domain.log import USUAL_LOG_PAGE, LogRecord
from recursor.domain.record import iso
from recursor.runner.data_paths import log_file
from recursor.runner.errors import RunnerSilentError

# The shortest time between two requests to a remote runner, in seconds.
_ASK_SECONDS = 1.0


def logs(
    stack: Annotated[
        str | None,
        typer.Argument(metavar="STACK", help="Only this stack's lines: its id, first digits or name."),
    ] = None,
    go_on: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="SPAN", help="How far to look back: 90s, 15m, 24h, 7d.")
    ] = None,
    level: Annotated[LogLevel, typer.Option("--level", help="The lowest level to show.")] = "info",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=1, metavar="N", help="Most lines to show. [default: 100; with --since all]"
        ),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show the runner's log, newest last, whether or not a runner is up."""
    begin = None if since is None else iso(max(time.time() - parse_span(since, "--since"), 0.0))
    most = USUAL_LOG_PAGE if limit is None and since is None else limit
    with open_place(place) as client:
        log = FollowedLog(client, stack, level)
        found = log.newest(most, begin)
        if go_on:
            _show(found, json)
            newer = _Newer(log)
            follow(lambda: _show(newer.look(), json), PERIOD_SECONDS if place.url is None else _ASK_SECONDS)
            return
    if json:
        print_json(found)
    else:
        _show(found, json=False)
    if not found:
        only = " like that" if stack or since or level != "info" else ""
        where = log_file(place.data) if place.url is None else f"the log of the runner at {place.url}"
        say_of_nothing(f"nothing{only} in {where}: `recursor run` writes it", json)


class _Newer:
    """The log from now on, also of a remote runner that was down for a while."""

    def __init__(self, log: FollowedLog) -> None:
        self._log = log
        self._silent = False

    def look(self) -> Sequence[LogRecord]:
        try:
            found = self._log.newer()
        except RunnerSilentError as error:
            if not self._silent:
                complain(str(error))
            self._silent = True
            return ()
        self._silent = False
        return found


def _show(records: Sequence[LogRecord], json: bool) -> None:
    if json:
        for record in records:
            print_json_line(record)
    elif records:
        from recursor.cli.log_lines import log_line

        draw(*(log_line(record) for record in records))
