"""The tables and columns for SQL, described for people and programs."""

from recursor.domain.record import Record
from recursor.storage.sql.catalogue import sql_tables
from recursor.storage.store import Reader


class TableColumn(Record):
    """One column of a table."""

    name: str
    type: str
    """DuckDB's name of it."""
    about: str
    """One sentence for people."""


class TableDescription(Record):
    """One table for SQL."""

    name: str
    columns: tuple[TableColumn, ...]


def describe_tables(reader: Reader) -> list[TableDescription]:
    """Return the tables, sorted by name; the roles are read from `reader`."""
    return [
        TableDescription(
            name=table.name,
            columns=tuple(
                TableColumn(name=column.name, type=column.type, about=column.about)
                for column in table.columns
            ),
        )
        for table in sql_tables(reader)
    ]
