"""What stands in the tables, and that it is all there."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recursor.domain.core_record import model_of
from recursor.domain.execution import Decision, DecisionKind, OrchestratorExecution
from recursor.domain.graph import NodeStatus, Usage
from recursor.domain.process_settings import SqlSettings
from recursor.domain.record import Timestamp
from recursor.domain.todo import Todo
from recursor.domain.workspace import CheckResult, CommitProposal, Workspace
from recursor.storage.commit import Commit
from recursor.storage.memory_store import MemoryStore
from recursor.storage.sql.catalogue import TABLE_NAMES, sql_tables
from recursor.storage.sql.columns import columns_of
from recursor.storage.sql.sandbox import answer
from recursor.storage.store import Reader
from recursor.storage.tables import RECORD_TABLES
from tests.making import (
    NOW,
    STACK,
    make_artifact,
    make_graph,
    make_idea,
    make_message,
    make_node,
    make_report,
    make_stack,
    make_state,
    make_status,
    make_todo,
    make_user_message,
)

AT = "2023-11-14T22:13:20Z"

RECORDS = (
    make_stack(settings={"pause": {"after_work": 2}}),
    make_idea(features=("beds", "seeds")),
    make_report(),
    make_state("planner", NOW, facts=("it rains",)),
    make_todo(metadata={"size": "S"}),
    make_message(),
    make_user_message(),
    make_artifact(),
    OrchestratorExecution(id=f"{1:032}", stack_id=STACK, number=1, epoch=0, started_at=NOW),
    make_graph(),
)


def typed(result: Any) -> dict[str, str]:
    return {column["name"]: column["type"] for column in result["columns"]}


def as_objects(result: Any) -> list[dict[str, Any]]:
    return [dict(zip(typed(result), row, strict=True)) for row in result["rows"]]


def test_every_table_of_records_is_there(rows: Callable[..., Any]) -> None:
    assert [name for (name,) in rows("SELECT table_name FROM duckdb_tables() ORDER BY 1")] == list(
        TABLE_NAMES
    )
    assert set(TABLE_NAMES) >= {
        "orchestrator_executions",
        "execution_graphs",
        "work_detection_cache",
        "agent_stacks",
        "agent_states",
        "todos",
        "messages",
        "user_messages",
        "artifacts",
        "agent_traces",
        "project_ideas",
    }


@pytest.mark.parametrize("table", RECORD_TABLES, ids=lambda table: table.name)
def test_empty_tables_have_every_field(table: Any, ask: Callable[..., Any]) -> None:
    result = ask(f"SELECT * FROM {table.name}")
    assert result["rows"] == []
    assert set(model_of(table.kind).model_fields) <= set(typed(result))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_field_says_what_the_record_does(
    record: Any, put: Callable[..., None], ask: Callable[..., Any]
) -> None:
    put(record)
    (table,) = [table for table in RECORD_TABLES if table.kind is type(record)]
    (found,) = as_objects(ask(f"SELECT * FROM {table.name}"))
    said = record.model_dump(mode="json")
    # Money is text in a record's JSON, and a number in an answer to SQL.
    said |= {name: float(value) for name, value in said.items() if name.startswith("dollars")}
    # Both are RFC 3339; that of the records always has its microseconds.
    assert {name: found[name] for name in said} == _without_zeros(said)


def _without_zeros(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_zeros(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_zeros(item) for item in value]
    return value.replace(".000000Z", "Z") if isinstance(value, str) else value


def test_types_are_those_of_the_fields(ask: Callable[..., Any]) -> None:
    types = typed(ask("SELECT * FROM orchestrator_executions"))
    assert types["id"] == types["status"] == types["error"] == "VARCHAR"
    assert types["number"] == "BIGINT"
    assert types["started_at"] == types["finished_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["decision"] == types["summary"] == "JSON"
    assert types["duration"] == "DOUBLE"
    assert typed(ask("SELECT planner_has_work FROM work_detection_cache")) == {"planner_has_work": "BOOLEAN"}


def test_a_new_field_appears_by_itself() -> None:
    class Wider(Todo):
        due_at: Timestamp | None = None
        price: Decimal | None = None
        estimate: float = 0.5
        """Hours."""

    *_, due, price, estimate = columns_of(Wider)
    assert (due.name, due.type) == ("due_at", "TIMESTAMP WITH TIME ZONE")
    assert (estimate.name, estimate.type, estimate.about) == ("estimate", "DOUBLE", "Hours.")
    # Stored as text, so that no digit is lost.
    assert (price.type, price.value({"price": "0.000000000001"})) == ("DECIMAL(38,12)", Decimal("1e-12"))
    # What was stored before has the default.
    assert estimate.value({}) == 0.5
    assert due.value({}) is None


def test_times_inside_nested_values_are_times(put: Callable[..., None], rows: Callable[..., Any]) -> None:
    node = make_node(
        "planner", status=NodeStatus.COMPLETED, started_at=NOW, finished_at=NOW + 1.5, usage=Usage()
    )
    put(make_graph([node]))
    assert rows(
        "SELECT n->>'started_at', (n->>'finished_at')::TIMESTAMPTZ - (n->>'started_at')::TIMESTAMPTZ "
        "FROM (SELECT unnest(nodes->'$[*]') AS n FROM execution_graphs)"
    ) == [[AT, 1.5]]


def test_a_time_beyond_the_calendar_is_its_end(put: Callable[..., None], rows: Callable[..., Any]) -> None:
    put(make_stack(next_look_at=1e300))
    assert rows("SELECT next_look_at FROM agent_stacks") == [["9999-12-31T23:59:59Z"]]


def test_nested_values_can_be_asked_and_come_nested(
    put: Callable[..., None], rows: Callable[..., Any]
) -> None:
    decision = Decision(kind=DecisionKind.PAUSE, pause=30, reason='it said "wait"')
    put(OrchestratorExecution(id="1", stack_id=STACK, number=1, epoch=0, started_at=NOW, decision=decision))
    ((kind, whole),) = rows("SELECT decision->>'kind', decision FROM orchestrator_executions")
    assert kind == "pause"
    assert whole == {
        "kind": "pause",
        "pause": 30.0,
        "reason": 'it said "wait"',
        "suspend": False,
        "backoff": False,
    }


def test_a_teams_other_roles_have_columns_too(put: Callable[..., None], rows: Callable[..., Any]) -> None:
    put(make_report({"fact-checker": make_status(7)}))
    assert rows(
        'SELECT "fact-checker_has_work", "fact-checker_priority", planner_has_work FROM work_detection_cache'
    ) == [[True, 7, False]]


def test_an_agent_that_runs_is_shown_so(put: Callable[..., None], rows: Callable[..., Any]) -> None:
    nodes = [make_node(role, status=NodeStatus.RUNNING) for role in ("planner", "builder")]
    put(make_stack(current_execution_id=f"{1:032}"), make_graph(nodes))
    put(make_state("planner", NOW), make_state("reviewer", NOW))
    # The builder runs for the first time, and has left no state yet.
    assert rows("SELECT role, execution_state FROM agent_states ORDER BY role") == [
        ["builder", "running"],
        ["planner", "running"],
        ["reviewer", "idle"],
    ]


def test_text_of_any_kind_comes_through(put: Callable[..., None], rows: Callable[..., Any]) -> None:
    texts = ["naïve 日本 🌱", 'quote " and \\ back', "line\nbreak\ttab", "'; DROP TABLE todos; --"]
    put(*(make_todo(number, content=text, metadata={"t": text}) for number, text in enumerate(texts)))
    assert rows("SELECT content, metadata->>'t' FROM todos ORDER BY id") == [[text, text] for text in texts]


def test_broadcasts_and_messages_are_in_one_table(put: Callable[..., None], rows: Callable[..., Any]) -> None:
    put(make_message(1), make_message(2, to_stack_id=None))
    assert rows("SELECT to_stack_id FROM messages ORDER BY id") == [[STACK], [None]]


def test_one_record_that_cannot_be_read_is_left_out_and_told(
    store: MemoryStore, put: Callable[..., None], ask: Callable[..., Any]
) -> None:
    put(make_todo(1))
    commit = Commit()
    commit.put("todos", b"damaged/0/1", b"\xc1")
    commit.put("todos", b"newer/0/1", b"\x92\x63\x80")
    store.write(commit)
    result = ask("SELECT count(*) FROM todos")
    assert result["rows"] == [[1]]
    (warning,) = result["warnings"]
    assert "todos damaged/0/1: is not readable" in warning
    assert "(and 1 more)" in warning


def test_all_tables_are_read_from_one_snapshot(store: MemoryStore, put: Callable[..., None]) -> None:
    put(make_todo(1), make_artifact(1))
    taken = []

    def read() -> AbstractContextManager[Reader]:
        taken.append(1)
        return store.read()

    answer(read, "SELECT (SELECT count(*) FROM todos), (SELECT count(*) FROM artifacts)", SqlSettings())
    assert taken == [1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT content FROM todos t",
        "SELECT t.content FROM todos AS t WHERE t.priority > 1",
        "SELECT CONTENT FROM Todos",
        'SELECT "content" FROM "todos"',
        "SELECT t.content FROM todos t JOIN artifacts a USING (stack_id)",
        "SELECT content FROM todos NATURAL JOIN (SELECT id, priority FROM todos)",
        "SELECT t.content FROM (SELECT todos FROM todos) x(t)",
        "SELECT x.content FROM (SELECT t AS x FROM todos t)",
        "SELECT c FROM todos t(a, b, c)",
        "SELECT #1 FROM (SELECT content FROM todos) GROUP BY #1",
        "FROM (FROM todos) SELECT content",
        "WITH todos AS (SELECT content FROM main.todos) SELECT * FROM todos",
        "SELECT COLUMNS('^content$') FROM todos",
        "SELECT content FROM (SELECT * FROM todos) ORDER BY priority",
        "SELECT content FROM todos WHERE EXISTS (SELECT 1 FROM artifacts WHERE number = 1)",
        "SELECT any_value(content) FROM todos HAVING count(*) = 1",
        "SELECT content FROM todos WHERE list_contains(list_transform([1, 3], lambda x: x), priority)",
        "SELECT max(content) OVER (PARTITION BY status) FROM todos",
        "SELECT json_extract_string(to_json(todos), 'content') FROM todos",
        "SELECT content FROM todos UNION SELECT content FROM todos WHERE status = 'pending'",
        "(TABLE todos) ORDER BY id",
    ],
)
def test_only_what_is_asked_is_loaded_and_nothing_is_missing(
    query: str, put: Callable[..., None], ask: Callable[..., Any]
) -> None:
    put(make_todo(1, content="plant"), make_artifact(1))
    (found,) = ask(query)["rows"]
    assert "plant" in found


def test_checks_are_rows_of_proposals_and_of_tips(put: Callable[..., None], ask: Callable[..., Any]) -> None:
    commit = "9c1185a5c5e9fc54612808977ee8f548b2258d31"

    def checked(command: str, passed: bool) -> CheckResult:
        return CheckResult(command=command, passed=passed, status=0, seconds=1, commit=commit, at=NOW)

    workspace = Workspace(
        stack_id=STACK, tip=commit, checks=(checked("lint", True),), updated_at=NOW, updated_by="integrator"
    )
    proposal = CommitProposal(
        id=f"{1:032}",
        stack_id=STACK,
        execution_id=f"{2:032}",
        role="builder",
        todo_id=f"{3:032}",
        commit=commit,
        base=commit,
        title="Add a page",
        files=1,
        insertions=1,
        deletions=0,
        created_at=NOW,
        checks=(checked("lint", True), checked("pytest", False)),
    )
    put(workspace, proposal)
    found = as_objects(ask("SELECT command, passed, role, proposal_id FROM checks ORDER BY role, command"))
    assert [(row["command"], row["passed"], row["role"]) for row in found] == [
        ("lint", True, "builder"),
        ("pytest", False, "builder"),
        ("lint", True, None),
    ]
    assert [row["proposal_id"] for row in found] == [proposal.id, proposal.id, None]


PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "sql.md").read_text()


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL))
def test_documented_queries_can_be_asked(
    query: str, put: Callable[..., None], ask: Callable[..., Any]
) -> None:
    put(*RECORDS)
    assert ask(query)["columns"]


def test_what_is_documented_is_what_there_is(store: MemoryStore) -> None:
    with store.read() as reader:
        tables = sql_tables(reader)
    listed = PAGE.partition("\n## Tables\n")[2]
    for table in tables:
        rows = [f"| `{column.name}` | {column.type} | {column.about} |" for column in table.columns]
        expected = "\n".join([f"### `{table.name}`", "", "| column | type | |", "|---|---|---|", *rows, ""])
        assert expected in listed, f"put this into docs/reference/sql.md:\n\n{expected}"
    assert listed.count("### `") == len(tables)
