"""All that the three witnesses say: the store, the agents' journal, and the ledger of what was asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import Record
from recursor.domain.stack import Stack
from recursor.domain.statistics import Rollup
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.storage.codec import decode
from recursor.storage.rollups import read_rollup
from recursor.storage.store import Reader, Store
from recursor.storage.tables import (
    ARTIFACTS,
    EXECUTIONS,
    GRAPHS,
    HOURS,
    IDEAS,
    MESSAGES,
    MINUTES,
    NAMES,
    RECORD_TABLES,
    REVISIONS,
    STACKS,
    TODOS,
    TRACES,
    USER_MESSAGES,
    Table,
)
from tests.crash.journal import Done, Entry
from tests.crash.ledger import Ledger

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Evidence:
    """All that is known when no process runs: read once, then only compared."""

    journal: list[Entry]
    ledger: Ledger
    stacks: dict[str, Stack]
    ideas: dict[str, ProjectIdea]
    todos: list[Todo]
    user_messages: list[UserMessage]
    messages: list[Message]
    artifacts: list[Artifact]
    executions: list[OrchestratorExecution]
    graphs: dict[str, ExecutionGraph]
    traces: list[Trace]
    keys: dict[str, list[bytes]] = field(repr=False)
    """All keys of all tables that belong to stacks."""
    minutes: dict[str, Rollup] = field(default_factory=dict)
    hours: dict[str, Rollup] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> dict[tuple[str, str], Node]:
        """The nodes by execution and role."""
        return {(graph.id, node.role): node for graph in self.graphs.values() for node in graph.nodes}

    @cached_property
    def committed(self) -> list[Done]:
        """What the runs that the store says were completed told the journal, of stacks that exist."""
        completed = {
            (execution, role, node.attempts)
            for (execution, role), node in self.nodes.items()
            if node.status == "completed"
        }
        return [
            entry
            for entry in self.journal
            if isinstance(entry, Done) and (entry.execution, entry.role, entry.attempt) in completed
        ]


def every(reader: Reader, table: Table[R]) -> Iterator[R]:
    """Yield the records of all stacks in a table."""
    for key, value in reader.scan(table.name):
        yield decode(table.kind, value, table.name, key)


def gather(store: Store, journal: Iterable[Entry], ledger: Ledger) -> Evidence:
    """Read the whole store."""
    with store.read() as reader:
        tables = [*(table.name for table in RECORD_TABLES), REVISIONS, MINUTES, HOURS]
        return Evidence(
            journal=list(journal),
            ledger=ledger,
            stacks={stack.id: stack for stack in every(reader, STACKS)},
            ideas={idea.stack_id: idea for idea in every(reader, IDEAS)},
            todos=list(every(reader, TODOS)),
            user_messages=list(every(reader, USER_MESSAGES)),
            messages=list(every(reader, MESSAGES)),
            artifacts=list(every(reader, ARTIFACTS)),
            executions=list(every(reader, EXECUTIONS)),
            graphs={graph.id: graph for graph in every(reader, GRAPHS)},
            traces=list(every(reader, TRACES)),
            keys={table: [key for key, _ in reader.scan(table)] for table in (*tables, NAMES)},
            minutes=_rollups(reader, MINUTES),
            hours=_rollups(reader, HOURS),
        )


def _rollups(reader: Reader, table: str) -> dict[str, Rollup]:
    return {key.decode(): read_rollup(value) for key, value in reader.scan(table)}
