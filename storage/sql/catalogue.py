"""The tables for SQL: the store's tables, with more columns under the names that monitoring queries use."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from recursor.domain.agent_state import AgentExecutionState, AgentState
from recursor.domain.core_record import AnyRecord
from recursor.domain.graph import NodeStatus
from recursor.domain.workspace import CheckResult
from recursor.storage.codec import unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.sql.columns import (
    BIGINT,
    BOOLEAN,
    DECIMAL,
    DOUBLE,
    JSON,
    TIMESTAMP,
    VARCHAR,
    Column,
    Fields,
    as_json,
    columns_of,
    when,
)
from recursor.storage.store import Reader
from recursor.storage.table import Table
from recursor.storage.tables import (
    EXECUTIONS,
    GRAPHS,
    PROPOSALS,
    RECORD_TABLES,
    STACKS,
    STATES,
    WORK,
    WORKSPACES,
)

# Their columns exist even before any role has work; those of other roles appear with the first report that
# names them.
STANDARD_ROLES = ("planner", "builder", "communicator", "reviewer")

Troubled = Callable[[CorruptRecordError], None]
"""Called with each unreadable record."""


@dataclass(frozen=True, slots=True)
class SqlTable:
    """One table for SQL."""

    name: str
    columns: tuple[Column, ...]
    records: Callable[[Reader, Troubled], Iterator[tuple[Fields, int]]]
    """Yields the stored records of a snapshot, each with its size in bytes, except unreadable ones."""


CHECKS = "checks"
TABLE_NAMES: tuple[str, ...] = tuple(sorted([*(table.name for table in RECORD_TABLES), CHECKS]))


def sql_tables(reader: Reader, named: Iterable[str] = TABLE_NAMES) -> list[SqlTable]:
    """Return the tables, sorted by name.

    Args:
        reader: a snapshot, from which the roles are read.
        named: tables whose columns must be complete.
    """
    roles = _roles(reader) if WORK.name in named else STANDARD_ROLES
    tables = [*(_sql_table(table, roles) for table in RECORD_TABLES), _checks_table()]
    return sorted(tables, key=lambda table: table.name)


def _sql_table(table: Table[AnyRecord], roles: Iterable[str]) -> SqlTable:
    columns = list(columns_of(table.kind))
    if table.name == EXECUTIONS.name:
        columns += _of_executions()
    elif table.name == WORK.name:
        columns += _of_work(roles)
    read = _states if table.name == STATES.name else _reading(table)
    return SqlTable(table.name, tuple(columns), read)


def _checks_table() -> SqlTable:
    """Return the results of the checks of proposed commits and of tips, a row each."""

    def of(key: str) -> Callable[[Fields], object]:
        return lambda fields: fields.get(key)

    columns = (
        Column("stack_id", VARCHAR, of("stack_id")),
        Column("proposal_id", VARCHAR, of("id"), "The proposed commit; null for the tip."),
        Column("todo_id", VARCHAR, of("todo_id")),
        Column("role", VARCHAR, of("role"), "The role that proposed it."),
        *columns_of(CheckResult),
    )

    def records(reader: Reader, troubled: Troubled) -> Iterator[tuple[Fields, int]]:
        for table in (PROPOSALS, WORKSPACES):
            for fields, size in _records(reader, table, troubled):
                for index, result in enumerate(fields.get("checks", ())):
                    # Its record is read once.
                    yield {**fields, **result}, 0 if index else size

    return SqlTable(CHECKS, columns, records)


def _of_executions() -> Iterator[Column]:
    def duration(fields: Fields) -> object:
        ended = fields.get("finished_at")
        return None if ended is None else ended - fields["started_at"]

    def completed_at(fields: Fields) -> object:
        ended = fields.get("finished_at")
        return None if ended is None else when(ended)

    def graph_summary(fields: Fields) -> object:
        summary = fields.get("summary")
        if summary is None:
            return None
        return as_json({**summary, "parallel_executions": summary.get("max_parallel", 0)})

    def of_summary(key: str) -> Callable[[Fields], object]:
        return lambda fields: (fields.get("summary") or {}).get(key)

    def cost(fields: Fields) -> object:
        found = of_summary("cost")(fields)
        return None if found is None else Decimal(str(found))

    yield Column("duration", DOUBLE, duration, "Seconds from start to finish.")
    yield Column("completed_at", TIMESTAMP, completed_at, "The same as `finished_at`.")
    yield Column(
        "graph_summary",
        JSON,
        graph_summary,
        "`summary`, and in it `parallel_executions`: the most concurrent runs.",
    )
    yield Column("input_tokens", BIGINT, of_summary("input_tokens"), "Input tokens of its agents' models.")
    yield Column("output_tokens", BIGINT, of_summary("output_tokens"), "Output tokens of its agents' models.")
    yield Column("cost", DECIMAL, cost, "US dollars, of usage with a known price.")
    yield Column("unpriced_tokens", BIGINT, of_summary("unpriced_tokens"), "Tokens with an unknown price.")


def _of_work(roles: Iterable[str]) -> Iterator[Column]:
    for role in roles:
        yield Column(f"{role}_has_work", BOOLEAN, _of_role(role, "has_work", False))
        yield Column(f"{role}_priority", BIGINT, _of_role(role, "priority", 0))
        yield Column(f"{role}_reason", VARCHAR, _of_role(role, "reason", None))


def _of_role(role: str, key: str, otherwise: object) -> Callable[[Fields], object]:
    """Return a reader of one fact of a role; a role outside the stack's team has no work."""
    return lambda fields: fields["statuses"].get(role, {}).get(key, otherwise)


def _roles(reader: Reader) -> tuple[str, ...]:
    found = dict.fromkeys(STANDARD_ROLES)
    for fields, _ in _records(reader, WORK, _untold):
        found.update(dict.fromkeys(fields.get("statuses", ())))
    return tuple(found)


def _untold(_error: CorruptRecordError) -> None:
    """Ignore the record: a reader of the table itself reports it."""


def _reading(table: Table[Any]) -> Callable[[Reader, Troubled], Iterator[tuple[Fields, int]]]:
    return lambda reader, troubled: _records(reader, table, troubled)


def _records(reader: Reader, table: Table[Any], troubled: Troubled) -> Iterator[tuple[Fields, int]]:
    version = table.kind.version
    for key, value in reader.scan(table.name):
        try:
            found, fields = unpack(value)
            if found == version and isinstance(fields, dict):
                yield fields, len(value)
                continue
            why = f"has version {found}, this Recursor knows {version}"
        except (ValueError, TypeError) as error:
            why = f"is not readable ({type(error).__name__})"
        troubled(CorruptRecordError(f"{table.name} {key.decode(errors='replace')}: {why}"))


def _states(reader: Reader, troubled: Troubled) -> Iterator[tuple[Fields, int]]:
    """Yield agents' states; whether an agent runs follows from its stack's graph (see
    `queries.agent_states`)."""
    running = dict(_running(reader))
    for fields, size in _records(reader, STATES, troubled):
        if running.pop((fields["stack_id"], fields["role"]), None) is not None:
            yield {**fields, "execution_state": AgentExecutionState.RUNNING.value}, size
        else:
            yield fields, size
    for (stack_id, role), since in running.items():
        state = AgentState(
            stack_id=stack_id, role=role, execution_state=AgentExecutionState.RUNNING, updated_at=since
        )
        yield state.model_dump(), 0


def _running(reader: Reader) -> Iterator[tuple[tuple[str, str], float]]:
    for stack, _ in _records(reader, STACKS, _untold):
        if (current := stack.get("current_execution_id")) is None:
            continue
        try:
            graph = GRAPHS.get(reader, stack["id"], current)
        except CorruptRecordError:
            continue
        if graph is None:
            continue
        for node in graph.nodes:
            if node.status is NodeStatus.RUNNING:
                yield (graph.stack_id, node.role), stack["created_at"]
