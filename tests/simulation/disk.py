"""What is on a simulated disk, read without the code that wrote it."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from msgspec.msgpack import decode

from recursor.domain.graph import node_key
from recursor.storage.store import Reader, Store
from recursor.storage.tables import (
    ACCOUNTS,
    ARTIFACTS,
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    MESSAGES,
    NAMES,
    OUTBOX,
    RECORD_TABLES,
    STACKS,
    STATES,
    TODOS,
    TRACES,
    USER_MESSAGES,
)

Fields = dict[str, Any]

BROADCASTS = "all"
DAMAGED = b"\x00damaged"
"""What a record is after it was damaged: it cannot be read."""


@lru_cache(maxsize=5_000)
def fields(value: bytes) -> Fields:
    """Return the fields of a stored record, which are not to be changed."""
    stored: Fields = decode(value)[1]
    return stored


def find(reader: Reader, table: str, stack_id: str, item_id: str) -> list[Fields]:
    """Return a record that may stand on several shelves: it should stand on one."""
    found = []
    for shelf in ("0", "1", "2"):
        value = reader.get(table, f"{stack_id}/{shelf}/{item_id}".encode())
        if value is not None and value != DAMAGED:
            found.append(fields(value))
    return found


@dataclass(frozen=True)
class Disk:
    """All records, by table and stack."""

    tables: dict[str, dict[str, list[Fields]]]
    keys: dict[str, list[bytes]]

    @classmethod
    def of(cls, store: Store) -> "Disk":
        """Read everything."""
        tables: dict[str, dict[str, list[Fields]]] = {}
        keys: dict[str, list[bytes]] = {}
        with store.read() as reader:
            for name in (*(table.name for table in RECORD_TABLES), OUTBOX):
                of_table: dict[str, list[Fields]] = defaultdict(list)
                keys[name] = []
                for key, value in reader.scan(name):
                    keys[name].append(key)
                    if value != DAMAGED:
                        of_table[key.partition(b"/")[0].decode()].append(fields(value))
                tables[name] = of_table
            keys[NAMES] = [key for key, _ in reader.scan(NAMES)]
        return cls(tables, keys)

    def without(self, stack_ids: Collection[str]) -> "Disk":
        """Return what there is but for some stacks."""
        if not stack_ids:
            return self
        tables = {
            name: {owner: found for owner, found in of_table.items() if owner not in stack_ids}
            for name, of_table in self.tables.items()
        }
        owners = {each.encode() for each in stack_ids}
        keys = {
            name: [
                key for key in found if owners.isdisjoint((key.partition(b"/")[0], key.rpartition(b"/")[2]))
            ]
            for name, found in self.keys.items()
        }
        return Disk(tables, keys)

    def of_stack(self, table: str, stack_id: str) -> list[Fields]:
        """Return the records of one stack."""
        return self.tables[table].get(stack_id, [])

    @cached_property
    def stacks(self) -> dict[str, Fields]:
        """The stacks by id."""
        return {stack_id: found[0] for stack_id, found in self.tables[STACKS.name].items()}

    @cached_property
    def ideas(self) -> dict[str, Fields]:
        """The ideas by stack."""
        return {stack_id: found[0] for stack_id, found in self.tables[IDEAS.name].items()}

    def todos(self, stack_id: str) -> list[Fields]:
        """Return a stack's todos."""
        return self.of_stack(TODOS.name, stack_id)

    def user_messages(self, stack_id: str) -> list[Fields]:
        """Return what visitors wrote to a stack."""
        return self.of_stack(USER_MESSAGES.name, stack_id)

    def messages(self, stack_id: str) -> list[Fields]:
        """Return what other stacks wrote to a stack, or to all."""
        return self.of_stack(MESSAGES.name, stack_id)

    def outbox(self, stack_id: str) -> list[Fields]:
        """Return what a stack wrote and is not known to have arrived."""
        return self.of_stack(OUTBOX, stack_id)

    def artifacts(self, stack_id: str) -> list[Fields]:
        """Return the versions of a stack's page."""
        return self.of_stack(ARTIFACTS.name, stack_id)

    def traces(self, stack_id: str) -> list[Fields]:
        """Return a stack's traces."""
        return self.of_stack(TRACES.name, stack_id)

    def states(self, stack_id: str) -> dict[str, Fields]:
        """Return the states of a stack's agents by role."""
        return {state["role"]: state for state in self.of_stack(STATES.name, stack_id)}

    def executions(self, stack_id: str) -> list[Fields]:
        """Return a stack's cycles."""
        return self.of_stack(EXECUTIONS.name, stack_id)

    @cached_property
    def graphs(self) -> dict[str, Fields]:
        """The graphs by execution."""
        return {graph["id"]: graph for found in self.tables[GRAPHS.name].values() for graph in found}

    @staticmethod
    def key_of(graph: Fields, node: Fields) -> tuple[str, str, int]:
        """Return the key of a node's last run."""
        return graph["id"], node_key(node["role"], node["todo_id"]), node["attempts"]

    @cached_property
    def nodes(self) -> dict[tuple[str, str], Fields]:
        """The nodes by execution and key."""
        return {
            self.key_of(graph, node)[:2]: node for graph in self.graphs.values() for node in graph["nodes"]
        }

    def accounts(self) -> Iterator[Fields]:
        """Yield what was spent by all stacks, by each, and by each role."""
        for found in self.tables[ACCOUNTS.name].values():
            yield from found
