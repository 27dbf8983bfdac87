"""What is told of a query that is wrong: one line, with the remedy where there is one."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import SqlSettings
from recursor.storage.errors import StorageError
from recursor.storage.sql import process
from tests.making import make_artifact


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM todoes", r"no table todoes: did you mean todos\? There are agent_stacks, .*todos"),
        ("SELECT * FROM zebra", r"no table zebra: there are agent_stacks, agent_states"),
        ("SELECT contents FROM todos", r'Binder Error: Referenced column "contents" not found.*"content"'),
        ("SELEC 1", r"Parser Error: syntax error at or near \"SELEC\"$"),
        ("SELECT 'x'::INTEGER", r"Conversion Error: Could not convert string 'x'"),
        ("SELECT nofunction(1)", r"Catalog Error: Scalar Function with name nofunction does not exist"),
        ("SELECT $1", r"."),
        ("DELETE FROM todos", r"DELETE is not possible here: give one SELECT$"),
        ("SELECT 1; SELECT 2", r"contains 2 statements: give one SELECT$"),
        ("", r"contains no statement: give one SELECT$"),
        ("SELECT * FROM read_csv('/etc/passwd')", r"read_csv\(\) is not possible here: "),
        ("SELECT read_text('/etc/passwd')", r"read_text\(\) is not possible here: "),
        ("FROM '/etc/passwd.csv'", r"reads files or settings: only the store's tables can be read$"),
        (
            "PIVOT todos ON status USING count(*)",
            r"DuckDB would run this as several statements: list the values of PIVOT with IN$",
        ),
    ],
)
def test_the_line_says_what_is_wrong(sql: str, said: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match="^query: " + said) as refused:
        ask(sql)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "CASE WHEN 1 = 1 THEN " * 400 + "1" + " ELSE 0 END" * 400,
        "SELECT " + "[" * 400 + "1" + "]" * 400,
        "SELECT * FROM " + "(SELECT * FROM " * 400 + "todos" + ")" * 400,
    ],
    ids=["cases", "lists", "subqueries"],
)
def test_a_query_that_is_nested_too_deeply_is_refused(sql: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^query: is nested too deeply: "):
        ask(sql)


def test_tables_that_do_not_fit_into_memory_are_told_and_their_other_columns_can_be_asked(
    put: Callable[..., None], ask: Callable[..., Any]
) -> None:
    put(*(make_artifact(number, content="x" * 2**20) for number in range(1, 101)))
    with pytest.raises(
        InvalidInputError, match=r"^query: needs more than 64 MB of memory: ask for fewer columns"
    ):
        ask("SELECT max(length(content)) FROM artifacts", memory_bytes=64 * 2**20)
    assert ask("SELECT count(*), max(number) FROM artifacts", memory_bytes=64 * 2**20)["rows"] == [[100, 100]]


def test_errors_come_out_of_the_process_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"^query: no table zebra: "):
        asyncio.run(process.ask(tmp_path, "SELECT * FROM zebra", SqlSettings()))


def test_a_store_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"no store" * 1000)
    with pytest.raises(StorageError, match=r"data\.mdb|tmp"):
        asyncio.run(process.ask(tmp_path, "SELECT 1", SqlSettings()))
