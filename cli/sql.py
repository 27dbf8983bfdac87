"""The command that asks the store's tables in SQL."""

import sys
from typing import Annotated

import typer

from recursor.cli.access import open_data
from recursor.cli.configured import configuration
from recursor.cli.options import DEFAULT_DATA, Data, Json
from recursor.cli.output import complain, draw, print_json, print_raw
from recursor.domain.errors import InvalidInputError
from recursor.runner.places import store_directory

# Whoever asks for very many rows here has the room for them; the rows themselves are what is limited.
_RESULT_BYTES = 512 * 1024 * 1024


def sql(
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="One SELECT, in DuckDB's dialect; - reads it from stdin."),
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
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Ask the tables of all stacks in SQL. It can only read."""
    if csv and json:
        raise InvalidInputError("--csv and --json: give one of them")
    if tables:
        if query is not None or csv:
            raise InvalidInputError("--tables: goes with --json and --data alone")
        with open_data(data) as access, access.read() as reader:
            from recursor.storage.sql.catalogue import sql_tables

            found = sql_tables(reader)
        from recursor.cli import sql_tables as shown

        if json:
            print_json(shown.catalogue_as_json(found))
        else:
            draw(*shown.catalogue_page(found))
        return
    settings = configuration(context).sql
    settings = settings.but(
        rows=limit or settings.rows, seconds=seconds or settings.seconds, result_bytes=_RESULT_BYTES
    )
    text = _text(query)
    # Checks the directory; the query's own process opens the store.
    open_data(data).close()
    from recursor.cli import sql_tables as shown
    from recursor.storage.sql.process import ask
    from recursor.storage.sql.result import SqlResult

    result = SqlResult.parse(ask(store_directory(data), text, settings))
    if json:
        print_json(shown.objects(result))
    elif csv:
        print_raw(shown.as_csv(result))
    else:
        draw(*shown.result_page(result))
    for warning in result.warnings:
        complain(warning)
    if result.truncated:
        complain(f"only the first {len(result.rows):,} rows: ask for less, or give --limit N for more")


def _text(query: str | None) -> str:
    if query is None:
        raise InvalidInputError(
            'query: give one, as in recursor sql "SELECT * FROM todos", or --tables for what there is'
        )
    if query != "-":
        return query
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"query: stdin is not text: {error.reason}: give UTF-8") from None
