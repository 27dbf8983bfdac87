"""The command that asks the store's tables in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from recursor.cli.access import check_data, open_place
from recursor.cli.options import HERE, Json, Place, given_text
from recursor.cli.output import complain, draw, print_json, print_raw
from recursor.domain.errors import InvalidInputError
from recursor.runner.data_paths import store_directory

if TYPE_CHECKING:
    from recursor.storage.sql.description import TableDescription
    from recursor.storage.sql.result import SqlResult

# Whoever asks for very many rows here has the room for them; the rows themselves are what is limited.
_RESULT_BYTES = 512 * 1024 * 1024


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
            help="Most rows, instead of the setting sql.rows.",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=0.1,
            max=3600,
            metavar="N",
            help="Time limit, instead of the setting sql.seconds.",
        ),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Query all stacks in SQL. It can only read."""
    if csv and json:
        raise InvalidInputError("--csv and --json: give one of them")
    if tables:
        if query is not None or csv:
            raise InvalidInputError("--tables: goes with --json, --data and --url alone")
        found = _tables(place)
        from recursor.cli import sql_tables as shown

        if json:
            print_json(found)
        else:
            draw(*shown.catalogue_page(found))
        return
    text = _text(query)
    if place.url is None:
        result = _ask_here(place, text, limit, seconds)
    else:
        result = _ask_elsewhere(place, text, limit, seconds)
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
        # A runner elsewhere goes by its own setting.
        more = "" if place.url is not None and limit is None else ", or give --limit N for more"
        complain(f"only the first {len(result.rows):,} rows: ask for less{more}")


def _tables(place: Place) -> list[TableDescription]:
    with open_place(place) as client:
        return client.sql_tables()


def _ask_here(place: Place, text: str, limit: int | None, seconds: float | None) -> SqlResult:
    settings = place.configuration.sql
    settings = settings.but(
        rows=limit or settings.rows, seconds=seconds or settings.seconds, result_bytes=_RESULT_BYTES
    )
    # Checks the directory; the query's own process opens the store.
    check_data(place.data)
    from recursor.storage.sql.process import ask
    from recursor.storage.sql.result import SqlResult

    return SqlResult.parse(ask(store_directory(place.data), text, settings))


def _ask_elsewhere(place: Place, text: str, limit: int | None, seconds: float | None) -> SqlResult:
    if seconds is not None:
        raise InvalidInputError(
            "--seconds: a runner elsewhere goes by its own setting sql.seconds: change it there"
        )
    with open_place(place) as client:
        result = client.sql(text)
    if limit is None or len(result.rows) <= limit:
        return result
    return result.but(rows=result.rows[:limit], truncated=True)


def _text(query: str | None) -> str:
    if query is None:
        raise InvalidInputError(
            'query: give one, as in recursor sql "SELECT * FROM todos", or --tables for what there is'
        )
    return query
