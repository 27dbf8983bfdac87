"""How tests of queries fill a store: past the owners of stacks, without fences."""

from collections.abc import Callable

from recursor.domain.record import Record
from recursor.domain.stack import Stack
from recursor.storage.commit import Commit
from recursor.storage.stack_names import add_name
from recursor.storage.store import Store
from recursor.storage.tables import BY_TYPE, TABLES


def write(store: Store, *changes: Callable[[Commit], object]) -> None:
    """Make changes in one commit."""
    commit = Commit()
    for change in changes:
        change(commit)
    store.write(commit)


def put(store: Store, *records: Record) -> None:
    """Store records in one commit."""
    write(
        store,
        *(lambda commit, record=record: BY_TYPE[type(record)].put(commit, record) for record in records),
    )


def create(store: Store, *stacks: Stack) -> None:
    """Store stacks that are found by their names."""
    put(store, *stacks)
    write(store, *(lambda commit, stack=stack: add_name(commit, stack) for stack in stacks))


def damage(store: Store, table: str, key: str, value: bytes = b"\xc1") -> None:
    """Make a record unreadable."""
    write(store, lambda commit: commit.put(table, key.encode(), value))


def everything(store: Store) -> dict[str, dict[bytes, bytes]]:
    """Return all that is stored, by table."""
    with store.read() as reader:
        return {table: dict(reader.scan(table)) for table in TABLES}


def clear(store: Store) -> None:
    """Remove all that is stored."""
    write(store, *(lambda commit, table=table: commit.delete_range(table, b"", None) for table in TABLES))
