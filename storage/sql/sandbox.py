"""A DuckDB that holds what one query asks for, and can do nothing but answer it.

What each lock does was tried with DuckDB 2.0.1, and the tests try it again; none of them is the only one
that holds. What DuckDB itself doesn't limit (the memory of very long values, functions that don't look at
the clock) is limited by the process that this runs in: see `recursor.storage.sql.worker`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import duckdb
import orjson
from duckdb import DuckDBPyConnection

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import SqlSettings
from recursor.storage.errors import CorruptRecordError
from recursor.storage.sql.catalogue import SqlTable, sql_tables
from recursor.storage.sql.columns import Column
from recursor.storage.sql.errors import explained
from recursor.storage.sql.query import ParsedQuery, understand
from recursor.storage.sql.values import row_as_json
from recursor.storage.store import Reader

# Rows, and bytes, handed to DuckDB at a time: each batch is one statement, and stands in memory twice.
_BATCH_ROWS = 10_000
_BATCH_BYTES = 8 * 2**20
# DuckDB computes results 2,048 rows at a time.
_FETCH = 2_048
# More would rather take the engine's cores than answer sooner.
_THREADS = 2

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "access_mode": "automatic",
    "threads": _THREADS,
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    # Else `SELECT * FROM name` would find Python's variables.
    "python_enable_replacements": False,
    "temp_directory": "",
    "max_temp_directory_size": "0KB",
}


def answer(read: Callable[[], AbstractContextManager[Reader]], sql: str, settings: SqlSettings) -> bytes:
    """Return the answer to a query, as the JSON of a `SqlResult`.

    Args:
        read: takes the snapshot to ask, see `Store.read`; it is let go of before the query is run.
        sql: the query.
        settings: its limits.

    Raises:
        InvalidInputError: the query cannot be answered; nothing it could have changed is changed.
    """
    began = time.monotonic()
    try:
        with _ended(sandbox(settings)) as connection:
            question = understand(connection, sql)
            with read() as reader:
                tables = sql_tables(reader, question.tables)
                _check(connection, question, tables)
                warnings = _load(connection, reader, question, tables, began + settings.seconds)
            connection.execute("BEGIN TRANSACTION READ ONLY")
            connection.execute(question.sql)
            columns = [(name, str(sql_type)) for name, sql_type, *_ in connection.description]
            rows, truncated = _rows(connection, [sql_type for _, sql_type in columns], settings)
    except duckdb.Error as error:
        raise explained(error, settings.seconds, settings.memory_bytes) from None
    except RecursionError:
        raise InvalidInputError("query: is nested too deeply: make it of simpler parts, with WITH") from None
    except MemoryError:
        raise explained(duckdb.OutOfMemoryException(), settings.seconds, settings.memory_bytes) from None
    return orjson.dumps(
        {
            "columns": [{"name": name, "type": sql_type} for name, sql_type in columns],
            "rows": [orjson.Fragment(row) for row in rows],
            "truncated": truncated,
            "seconds": round(time.monotonic() - began, 6),
            "warnings": warnings,
        }
    )


def sandbox(settings: SqlSettings) -> DuckDBPyConnection:
    """Return an empty database in memory that reaches nothing outside it, with its settings locked."""
    memory = f"{settings.memory_bytes // 2**20}MiB"
    connection = duckdb.connect(":memory:", config={**_CONFIGURATION, "memory_limit": memory})
    # These three exist only once the database does.
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    connection.execute(f"SET max_execution_time = {max(int(settings.seconds * 1000), 1)}")
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def _ended(connection: DuckDBPyConnection) -> Iterator[DuckDBPyConnection]:
    try:
        yield connection
    finally:
        # Closing alone would wait until what is not wanted any more has filled DuckDB's buffer.
        connection.interrupt()
        connection.close()


def _check(connection: DuckDBPyConnection, question: ParsedQuery, tables: list[SqlTable]) -> None:
    """Have DuckDB understand the query over empty tables, so that a slip costs no loading."""
    for table in tables:
        _create(connection, table.name, table.columns)
    connection.execute(f"EXPLAIN {question.sql}")


def _load(
    connection: DuckDBPyConnection,
    reader: Reader,
    question: ParsedQuery,
    tables: list[SqlTable],
    deadline: float,
) -> list[str]:
    """Fill what the query reads; return what to tell of records that cannot be read."""
    warnings = []
    for table in tables:
        if table.name not in question.tables:
            continue
        columns = [c for c in table.columns if question.wants(c.name)] or [table.columns[0]]
        _create(connection, table.name, columns)
        troubles: list[CorruptRecordError] = []
        with connection.appender(table.name) as appender:
            for batch in _batches(table, columns, reader, troubles):
                if time.monotonic() > deadline:
                    raise duckdb.InterruptException
                appender.append_rows(batch)
                appender.flush()
        if troubles:
            more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
            warnings.append(f"{troubles[0]}{more}: left out")
    return warnings


def _batches(
    table: SqlTable, columns: Sequence[Column], reader: Reader, troubles: list[CorruptRecordError]
) -> Iterator[list[list[object]]]:
    values = [column.value for column in columns]
    batch: list[list[object]] = []
    size = 0
    for fields, length in table.records(reader, troubles.append):
        try:
            batch.append([value(fields) for value in values])
        except (LookupError, TypeError, ValueError, AttributeError):
            troubles.append(CorruptRecordError(f"{table.name}: a record has not the fields it should have"))
            continue
        size += length
        if len(batch) == _BATCH_ROWS or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _create(connection: DuckDBPyConnection, name: str, columns: Iterable[Column]) -> None:
    listed = ", ".join(f"{_quoted(column.name)} {column.type}" for column in columns)
    connection.execute(f"CREATE OR REPLACE TABLE {_quoted(name)} ({listed})")


def _rows(
    connection: DuckDBPyConnection, types: list[str], settings: SqlSettings
) -> tuple[list[bytes], bool]:
    """Return the rows as JSON, as many as the limits allow, and whether there are more."""
    rows: list[bytes] = []
    left = settings.result_bytes
    for encoded in _encoded(connection, types):
        left -= len(encoded)
        if left < 0 and not rows:
            raise InvalidInputError(
                f"query: one row is longer than {settings.result_bytes} bytes: ask for less of it"
            )
        if left < 0 or len(rows) == settings.rows:
            return rows, True
        rows.append(encoded)
    return rows, False


def _encoded(connection: DuckDBPyConnection, types: list[str]) -> Iterator[bytes]:
    try:
        while batch := connection.fetchmany(_FETCH):
            for row in batch:
                yield row_as_json(row, types)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        # Beyond what Python, or JSON, can hold: 100 million years, a list in 300 lists.
        raise InvalidInputError(f"query: a value cannot be shown ({error}): cast it to VARCHAR") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
