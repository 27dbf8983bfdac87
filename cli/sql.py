"""The command for SQL queries of the store's tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, given_text
from recursor.cli.output import complain, draw, print_json, print_raw
from recursor.domain.errors import InvalidInputError
from recursor.runner.settings_sources import Layer, Source, SourcedValue

if TYPE_CHECKING:
    from recursor.client.synchronous import Client


def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERY",
            help="One SELECT, in DuckDB's dialect; - reads it from stdin.",
            callback=given_text,
        ),
    ] = None,
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and their columns.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=1,
            max=10_000_000,
            metavar="N",
            help="Most rows, instead of the setting sql.rows; with --url, at most that.",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=0.1,
            max=3600,
            metavar="N",
            help="Time limit, instead of the setting sql.seconds; with --url, at most that.",
        ),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Query all stacks in SQL, read-only."""
    if csv and json:
        raise InvalidInputError("--csv and --json: give one of them")
    if tables:
        if query is not None or csv:
            raise InvalidInputError("--tables: can only be combined with --json, --data and --url")
        with _opened(place) as client:
            found = client.sql_tables()
        from recursor.cli import sql_tables as shown

        if json:
            print_json(found)
        else:
            draw(*shown.catalogue_page(found))
        return
    with _opened(place, limit, seconds) as client:
        result = client.sql(_text(query), rows=limit, seconds=seconds)
    from recursor.cli import sql_tables as shown

    if json:
        print_json(shown.objects(result))
    elif csv:
        print_raw(shown.as_csv(result))
    else:
        draw(*shown.result_page(result))
    for warning in result.warnings:
        complain(warning)
    if result.truncated:
        # A remote runner's limits cannot be raised from here.
        more = "" if place.url is not None and limit is None else ", or give --limit N for more"
        complain(f"only the first {len(result.rows):,} rows: narrow the query{more}")


def _opened(place: Place, limit: int | None = None, seconds: float | None = None) -> Client:
    """Return a client; for a data directory, with the given limits.

    A query of a data directory runs only in this command's processes, without a runner.
    """
    wanted = {"rows": (limit, "--limit"), "seconds": (seconds, "--seconds")}
    layer: Layer = {
        ("sql", key): SourcedValue(value, Source.FLAG, where)
        for key, (value, where) in wanted.items()
        if value is not None
    }
    return open_place(replace(place, configuration=place.configuration.with_flags(layer)), alone=True)


def _text(query: str | None) -> str:
    if query is None:
        raise InvalidInputError(
            'query: missing: give one, as in recursor sql "SELECT * FROM todos", or --tables for the tables'
        )
    try:
        query.encode()
    except UnicodeEncodeError:
        raise InvalidInputError("query: is not valid text: remove unpaired surrogates") from None
    return query
