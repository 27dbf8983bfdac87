"""What there is to ask in SQL, for people and programs: the tables and their columns."""

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
    """One table that SQL sees."""

    name: str
    columns: tuple[TableColumn, ...]


def describe_tables(reader: Reader) -> list[TableDescription]:
    """Return the tables, in the order of their names; `reader` tells the roles there are."""
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
