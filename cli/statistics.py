"""The command on figures over time, of one stack or of all."""

import time
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place
from recursor.cli.output import draw, neutral, print_json
from recursor.cli.wording import parse_span, since_moment
from recursor.client.synchronous import Client
from recursor.domain.errors import InvalidInputError
from recursor.domain.statistics import Figures

_MINUTE = 60

# Possible lengths of a series' spans by default; the nearest gives a dozen to some forty of them.
_SPANS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 31 * 86_400)
_ROWS = 24

# The API's limit.
_LONGEST = 31 * 86_400


def stats(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack's id, its first digits or its name. [default: all stacks together]",
        ),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="SPAN", help="How far to look back: 90s, 15m, 24h, 7d.")
    ] = "24h",
    series: Annotated[bool, typer.Option("--series", help="Show a series over time, oldest first.")] = False,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="SPAN", help="With --series: the length of each part, in whole minutes."
        ),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show statistics of one stack or of all together."""
    now = time.time()
    begin = since_moment(since, "--since", now)
    if every is not None and not series:
        raise InvalidInputError("stats: --every is the length of the parts of --series: give both")
    seconds = _length(every, now - begin)
    with open_place(place) as client:
        spans = client.series(stack, begin, now, seconds) if series else []
        if series and json:
            print_json(spans)
            return
        name, found = _figures(client, stack, begin, now)
    if json:
        print_json(found)
        return
    from recursor.cli.stats_page import series_table, stats_page

    draw(*stats_page(name, found))
    if spans:
        draw("", series_table(spans))


def _figures(client: Client, stack: str | None, since: float, until: float) -> tuple[str, Figures]:
    """Return the owner of the figures, and the figures."""
    if stack is None:
        return "all stacks", client.totals(since, until)
    return neutral(client.stack(stack).stack.name), client.stats(stack, since, until)


def _length(every: str | None, whole: float) -> int:
    """Return the length of each part of a series, in seconds."""
    if every is None:
        return next((each for each in _SPANS if whole / each <= _ROWS), _SPANS[-1])
    seconds = parse_span(every, "--every")
    if seconds % _MINUTE or not _MINUTE <= seconds <= _LONGEST:
        raise InvalidInputError(
            f"--every: {every[:40]!r} is not whole minutes, 31 days at most: give for example 15m, 1h, 1d"
        )
    return int(seconds)
