"""The command `recursor sql`."""

import csv
import json
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from recursor.cli.app import run_command
from recursor.storage.commit import Commit
from recursor.storage.data_directory import store_directory
from recursor.storage.opening import open_store
from recursor.storage.sql.catalogue import TABLE_NAMES
from recursor.storage.tables import TODOS
from tests.making import make_todo
from tests.processes import Done

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `recursor sql`; returns its exit code, and what it said to stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(["sql", *arguments, "--data", str(data)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def todos(data: Path) -> None:
    commit = Commit()
    for number in (1, 2, 3):
        content = f'say "{number}", twice'
        TODOS.put(commit, make_todo(number, priority=number, metadata={"n": number}, content=content))
    with closing(open_store(store_directory(data))) as store:
        store.write(commit)


def test_a_table_for_people(run: Run, todos: None) -> None:
    code, out, err = run(
        "SELECT priority, content, closed_at, updated_at FROM todos ORDER BY priority LIMIT 1"
    )
    assert (code, err) == (0, "")
    heading, row = out.splitlines()
    assert heading.split() == ["priority", "content", "closed_at", "updated_at"]
    assert row.split() == ["1", "say", '"1",', "twice", "null", "2023-11-14", "21:58:20Z"]


def test_json_is_an_array_of_objects(run: Run, todos: None) -> None:
    code, out, err = run("SELECT priority, metadata, priority FROM todos ORDER BY 1 DESC", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found[0] == {"priority": 3, "metadata": {"n": 3}, "priority_1": 3}
    assert len(found) == 3


def test_csv_is_csv(recursor: Callable[..., Done], todos: None) -> None:
    done = recursor("sql", "SELECT content, closed_at, metadata, true AS yes FROM todos ORDER BY id", "--csv")
    assert (done.code, done.err) == (0, "")
    heading, first, *_ = csv.reader(StringIO(done.out))
    assert heading == ["content", "closed_at", "metadata", "yes"]
    assert first == ['say "1", twice', "", '{"n": 1}', "true"]


def test_a_query_from_stdin(run: Run, todos: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("-- how many\nSELECT count(*) AS n\nFROM todos;\n"))
    code, out, err = run("-", "--json")
    assert (code, json.loads(out), err) == (0, [{"n": 3}], "")


def test_an_empty_directory_has_empty_tables(run: Run, data: Path) -> None:
    counts = " UNION ALL ".join(f"SELECT count(*) AS n FROM {table}" for table in TABLE_NAMES)
    code, out, err = run(counts, "--json")
    assert (code, json.loads(out), err) == (0, [{"n": 0}] * len(TABLE_NAMES), "")
    assert not data.exists()


def test_a_result_that_is_cut_off_says_so(run: Run, todos: None) -> None:
    code, out, err = run("SELECT id FROM todos", "--limit", "2", "--json")
    assert (code, len(json.loads(out))) == (0, 2)
    assert err == "recursor: only the first 2 rows: narrow the query, or give --limit N for more\n"


def test_the_tables_and_their_columns_are_listed(run: Run, data: Path) -> None:
    code, out, _ = run("--tables", "--json")
    assert code == 0
    listed = {table["name"]: table["columns"] for table in json.loads(out)}
    assert tuple(listed) == TABLE_NAMES
    assert {"name": "closed_at", "type": "TIMESTAMP WITH TIME ZONE"}.items() <= listed["todos"][9].items()
    code, out, _ = run("--tables")
    assert code == 0
    assert "planner_has_work" in out
    assert not data.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "query: missing: give one, as in recursor sql"),
        (("SELECT * FROM zebra",), "query: no table zebra: there are agent_stacks"),
        (("DROP TABLE todos",), "query: DROP is not possible here: give one SELECT"),
        (("SELECT 1", "--csv", "--json"), "--csv and --json: give one of them"),
        (("SELECT 1", "--tables"), "--tables: can only be combined with --json, --data and --url"),
        (("SELECT 1", "--limit", "0"), "--limit"),
        (("SELECT sum(range) FROM range(100000000000)", "--seconds", "0.1"), "query: took longer than 0.1 s"),
        (("SELECT '\ud800'",), "query: is not valid text"),
    ],
)
def test_what_cannot_be_answered_is_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert said in line


def test_settings_limit_a_query(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECURSOR_SQL__ROWS", "1")
    code, out, err = run("SELECT range FROM range(3)", "--json")
    assert (code, json.loads(out)) == (0, [{"range": 0}])
    assert "only the first 1 rows" in err


def test_nothing_in_a_value_reaches_the_terminal_as_a_command(run: Run) -> None:
    _, out, _ = run("SELECT chr(27) || '[2J' AS \"a\x1bb\", {'k': chr(27)} AS s")
    assert "\x1b" not in out
