"""A DuckDB that holds only the data of one query, and can do nothing but answer it.

Each lock was tried with DuckDB 2.0.1, and the tests try it again; no protection depends on a single lock.
Things that DuckDB doesn't limit (memory of very long values, functions that ignore the clock) are limited by
the process: see `recursor.storage.sql.worker`.
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

# Rows and bytes handed to DuckDB at a time: each batch is one statement, and is in memory twice.
_BATCH_ROWS = 10_000
_BATCH_BYTES = 8 * 2**20
# DuckDB computes results 2,048 rows at a time.
_FETCH = 2_048
# More threads would take the engine's cores rather than answer sooner.
_THREADS = 2

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "access_mode": "automatic",
    "threads": _THREADS,
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    # Otherwise `SELECT * FROM name` would find Python's variables.
    "python_enable_replacements": False,
    "temp_directory": "",
    "max_temp_directory_size": "0KB",
}


def answer(read: Callable[[], AbstractContextManager[Reader]], sql: str, settings: SqlSettings) -> bytes:
    """Return the answer to a query, as the JSON of a `SqlResult`.

    Args:
        read: opens the snapshot to query, see `Store.read`; it is closed before the query runs.
        sql: the query.
        settings: its limits.

    Raises:
        InvalidInputError: the query cannot be answered; nothing was changed.
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
        raise InvalidInputError(
            "query: is nested too deeply: split it into simpler parts, with WITH"
        ) from None
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
    """Return an empty in-memory database that reaches nothing outside, with its settings locked."""
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
        # Closing alone would wait until unwanted results have filled DuckDB's buffer.
        connection.interrupt()
        connection.close()


def _check(connection: DuckDBPyConnection, question: ParsedQuery, tables: list[SqlTable]) -> None:
    """Check the query on empty tables, so that a mistake costs no loading."""
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
    """Load the data that the query reads; return a note on unreadable records."""
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
            troubles.append(CorruptRecordError(f"{table.name}: a record lacks expected fields"))
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
    """Return the rows as JSON, up to the limits, and whether there are more."""
    rows: list[bytes] = []
    left = settings.result_bytes
    for encoded in _encoded(connection, types):
        left -= len(encoded)
        if left < 0 and not rows:
            raise InvalidInputError(
                f"query: one row is longer than {settings.result_bytes} bytes: select less of it"
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
        # Beyond what Python or JSON can hold: 100 million years, a list in 300 lists.
        raise InvalidInputError(f"query: a value cannot be shown ({error}): cast it to VARCHAR") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
