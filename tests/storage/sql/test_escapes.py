"""What a query must not be able to do, tried at each of the walls around it."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import SqlSettings
from recursor.storage.sql import process
from recursor.storage.sql.sandbox import sandbox
from tests.making import make_todo

READING = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_json_auto('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM read_duckdb('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT content FROM read_text(['/etc/passwd', '/etc/hosts'])",
    "FROM '/etc/passwd'",
    "FROM '/etc/passwd.csv'",
    "FROM 'https://example.org/x.parquet'",
    "SELECT * FROM todos, '/etc/passwd.csv'",
    "SELECT (SELECT string_agg(content, '') FROM read_text('/etc/passwd'))",
    "WITH t AS (FROM read_text('/etc/passwd')) SELECT * FROM t",
    "SELECT * FROM (SUMMARIZE FROM read_csv('/etc/passwd'))",
    "DESCRIBE FROM read_csv('/etc/passwd')",
]

HIDDEN = [
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd.csv')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''/etc/passwd'')'))",
]

WRITING = [
    "COPY todos TO '{target}'",
    "COPY (SELECT 1) TO '{target}' (FORMAT parquet)",
    "EXPORT DATABASE '{target}'",
    "IMPORT DATABASE '{target}'",
    "ATTACH '{target}'",
    "ATTACH '{target}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{target}'",
    "FORCE INSTALL httpfs FROM community",
    "CREATE TABLE mine (a INTEGER)",
    "CREATE MACRO f(x) AS x",
    "CREATE VIEW v AS SELECT 1",
    "CREATE SEQUENCE s",
    "INSERT INTO todos (id) VALUES ('x')",
    "UPDATE todos SET id = 'x'",
    "DELETE FROM todos",
    "TRUNCATE todos",
    "DROP TABLE todos",
    "ALTER TABLE todos ADD COLUMN x INTEGER",
    "WITH gone AS (DELETE FROM todos RETURNING *) SELECT * FROM gone",
    "WITH new AS (INSERT INTO todos (id) VALUES ('x') RETURNING *) SELECT * FROM new",
    "WITH other AS (UPDATE todos SET id = 'x' RETURNING *) SELECT * FROM other",
    "WITH out AS (COPY todos TO '{target}') SELECT 1",
]

CHANGING = [
    "SET threads = 8",
    "SET memory_limit = '100GB'",
    "SET max_execution_time = 0",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET disabled_filesystems = ''",
    "SET temp_directory = '/tmp'",
    "RESET lock_configuration",
    "RESET enable_external_access",
    "PRAGMA enable_profiling",
    "PRAGMA threads = 8",
    "PRAGMA disable_optimizer",
    "SELECT * FROM enable_logging()",
    "SELECT * FROM enable_profiling()",
    "SELECT * FROM add_grammar_extension('x')",
    "CALL enable_logging(storage = 'file', storage_path = '{target}')",
]

# What DuckDB would do, though it reaches nothing: only the judgement of the query refuses it.
HARMLESS_BUT_REFUSED = [
    "ATTACH ':memory:' AS other",
    "CREATE TEMPORARY TABLE mine (a INTEGER)",
    "SET VARIABLE a = 1",
    "CALL pragma_version()",
    "CHECKPOINT",
    "BEGIN",
    "COMMIT",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "PRAGMA table_info('todos')",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE todos",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT sleep_ms(1)",
    "SELECT write_log('x')",
    "SELECT getenv('HOME')",
    "SELECT nextval('s')",
    "FROM a_variable",
    "",
    "-- nothing",
    ";",
]

SMALL = SqlSettings(seconds=60, memory_bytes=64 * 2**20)


@pytest.mark.parametrize("sql", READING + HIDDEN + WRITING + CHANGING + HARMLESS_BUT_REFUSED)
def test_it_is_refused_in_one_line(
    sql: str, put: Callable[..., None], ask: Callable[..., Any], tmp_path: Path
) -> None:
    a_variable = [1]
    put(make_todo())
    target = tmp_path / "target"
    with pytest.raises(InvalidInputError, match=r"^query: .+") as refused:
        ask(sql.format(target=target))
    assert len(str(refused.value).splitlines()) == 1
    assert not target.exists()
    assert ask("SELECT count(*) FROM todos")["rows"] == [[1]]
    assert a_variable


@pytest.mark.parametrize("sql", READING + HIDDEN + WRITING + CHANGING)
def test_the_database_itself_refuses_it_too(sql: str, tmp_path: Path) -> None:
    """For the day on which the judgement of a query is wrong."""
    target = tmp_path / "target"
    with closing(sandbox(SMALL)) as connection:
        connection.execute("CREATE TABLE todos (id VARCHAR)")
        connection.execute("BEGIN TRANSACTION READ ONLY")
        with pytest.raises(duckdb.Error):
            connection.execute(sql.format(target=target)).fetchall()
    assert not target.exists()


def test_python_s_variables_are_not_tables(ask: Callable[..., Any]) -> None:
    store = [1, 2, 3]
    with pytest.raises(InvalidInputError, match="no table store"):
        ask("SELECT * FROM store")
    assert store


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 1",
        "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
        "SELECT max(a.range * b.range) FROM range(10000000) a, range(10000000) b",
    ],
)
def test_an_endless_query_ends_at_its_limit(sql: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^query: took longer than 0\.2 s: "):
        ask(sql, seconds=0.2)


@pytest.mark.parametrize(
    "sql",
    [
        # Functions that never look at the clock.
        "SELECT length(regexp_replace(repeat('a', 400000000), '(a|b|ab)*c', 'x', 'g'))",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 1",
    ],
)
def test_its_process_is_ended_at_its_limit(sql: str, tmp_path: Path) -> None:
    settings = SqlSettings(seconds=0.5, memory_bytes=8 * 2**30)
    with pytest.raises(InvalidInputError, match=r"^query: took longer than 0\.5 s: "):
        asyncio.run(process.ask(tmp_path / "store", sql, settings))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 3000000000)",
        "SELECT list(range) FROM range(100000000)",
        *(
            pytest.param(sql, marks=pytest.mark.slow)
            for sql in (
                "SELECT repeat('x', 100000000) FROM range(100)",
                "SELECT range(1000000000)",
                "SELECT string_agg(repeat('x', 1000000), '') FROM range(10000)",
                "SELECT * FROM range(100000000) ORDER BY hash(range)",
                "SELECT string_split(repeat('a,', 300000000), ',')",
                "SELECT repeat('x', 400000000) || repeat('y', 400000000) || i FROM range(10) t(i)",
                "WITH RECURSIVE t(a) AS (SELECT 'xxxx' UNION ALL SELECT a || a FROM t) SELECT count(a) "
                "FROM t",
            )
        ),
    ],
)
def test_a_query_that_wants_too_much_memory_ends(sql: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"MB of memory: ask for fewer"):
        asyncio.run(process.ask(tmp_path / "store", sql, SMALL))


def test_a_huge_result_is_cut_off_while_it_is_made(ask: Callable[..., Any]) -> None:
    result = ask("SELECT range FROM range(1000000000000)", rows=3)
    assert result["rows"] == [[0], [1], [2]]
    assert result["truncated"] is True
    endless = ask("WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t) SELECT a FROM t", rows=5)
    assert [row for (row,) in endless["rows"]] == [1, 2, 3, 4, 5]


def test_what_just_fits_is_whole(ask: Callable[..., Any]) -> None:
    result = ask("SELECT range FROM range(3)", rows=3)
    assert (len(result["rows"]), result["truncated"]) == (3, False)


def test_a_result_is_cut_off_at_so_many_bytes(ask: Callable[..., Any]) -> None:
    result = ask("SELECT repeat('x', 100) FROM range(1000)", result_bytes=2000)
    assert 0 < len(result["rows"]) <= 20
    assert result["truncated"] is True
    with pytest.raises(InvalidInputError, match="one row is longer than 2000 bytes"):
        ask("SELECT repeat('x', 10000)", result_bytes=2000)
