"""Results and tables of SQL: on a terminal, as JSON objects, as CSV."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import make_console, neutral, one_line
from recursor.cli.stack_tables import clipped, plain_table
from recursor.cli.wording import plural
from recursor.storage.sql.description import TableDescription
from recursor.storage.sql.result import SqlResult

_GAP = 2
# A column narrower than its heading, or than this, is unreadable.
_LEAST_WIDTH = 10
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "INTERVAL")


def objects(result: SqlResult) -> list[dict[str, JsonValue]]:
    """Return the rows as objects; repeated names get numbers: count, count_1."""
    names = _distinct([column.name for column in result.columns])
    return [dict(zip(names, row, strict=True)) for row in result.rows]


def as_csv(result: SqlResult) -> str:
    """Return the rows as CSV with a header line (RFC 4180); null is empty, nested values are JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in result.columns])
    writer.writerows([[_in_csv(value) for value in row] for row in result.rows])
    return text.getvalue()


def result_page(result: SqlResult) -> Iterator[RenderableType]:
    """Yield the rows as a table, or one below the other if they are too wide for the terminal."""
    columns = [_Column.of(result, index) for index in range(len(result.columns))]
    terminal = sys.stdout.isatty()
    if terminal and result.rows and sum(each.least + _GAP for each in columns) - _GAP > make_console().width:
        yield from _records(columns)
    else:
        yield _table(columns)
    if terminal:
        yield Text(f"{plural(len(result.rows), 'row')}, {result.seconds:.2f} s", "bright_black")


def catalogue_page(tables: Iterable[TableDescription]) -> Iterator[RenderableType]:
    """Yield the tables with their columns."""
    for table in tables:
        yield Text(table.name, "bold")
        columns = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
        columns.add_column(no_wrap=True)
        columns.add_column(no_wrap=True, style="bright_black")
        columns.add_column(overflow="fold")
        for column in table.columns:
            columns.add_row(neutral(f"  {column.name}"), column.type, neutral(column.about))
        yield columns
        yield ""


def _distinct(names: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        candidate, number = name, 0
        while candidate in found:
            number += 1
            candidate = f"{name}_{number}"
        found[candidate] = None
    return list(found)


def _in_csv(value: JsonValue) -> object:
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _cell(value: JsonValue, sql_type: str) -> Text:
    if value is None:
        return Text("null", "bright_black")
    if isinstance(value, bool):
        return Text(str(value).lower())
    if isinstance(value, dict | list):
        return clipped(json.dumps(value, ensure_ascii=False))
    if sql_type == "INTERVAL":
        return Text(f"{value} s")
    if sql_type.startswith("TIMESTAMP") and isinstance(value, str):
        return Text(value.replace("T", " "))
    return clipped(str(value))


def _table(columns: Sequence["_Column"]) -> Table:
    table = plain_table(*(each.name for each in columns))
    for column, each in zip(table.columns, columns, strict=True):
        column.min_width = each.least
        # Rich first narrows columns that may wrap; clipped cells don't wrap anyway.
        column.no_wrap = each.least == each.natural
        if each.numeric:
            column.justify = "right"
    for row in zip(*(each.cells for each in columns), strict=True):
        table.add_row(*row)
    return table


def _records(columns: Sequence["_Column"]) -> Iterator[RenderableType]:
    names = max(cell_len(each.name) for each in columns)
    for row in zip(*(each.cells for each in columns), strict=True):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
        table.add_column(style="bright_black", no_wrap=True, min_width=names)
        table.add_column(overflow="ellipsis")
        for each, cell in zip(columns, row, strict=True):
            table.add_row(each.name, cell)
        yield table
        yield ""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a result, with its width."""

    name: str
    cells: Sequence[Text]
    numeric: bool
    natural: int
    """Its full width in terminal columns; this and the next field."""
    least: int
    """The width below which it is unreadable."""

    @classmethod
    def of(cls, result: SqlResult, index: int) -> Self:
        """Return the column at `index`."""
        name, sql_type = one_line(result.columns[index].name), result.columns[index].type
        cells = [_cell(row[index], sql_type) for row in result.rows]
        heading = cell_len(name)
        natural = max([heading, *(cell.cell_len for cell in cells)])
        text = sql_type in ("VARCHAR", "JSON") or "[" in sql_type or "(" in sql_type
        least = min(natural, max(heading, _LEAST_WIDTH)) if text else natural
        return cls(name, cells, any(number in sql_type for number in _NUMBERS), natural, least)
