"""Finds and removes unreadable records of a stack."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import NamedTuple

from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import BY_TYPE, IDEAS, RECORD_TABLES, STACKS, WORK

# An open snapshot keeps old pages of the store from being reused.
RECORDS_PER_SNAPSHOT = 1000

REMOVABLE = frozenset(table.name for table in BY_TYPE.values() if table is not STACKS)
"""The tables whose records a stack's owner can do without."""

_READ = {table.name: table for table in RECORD_TABLES}


class Unreadable(NamedTuple):
    """A record that cannot be read."""

    table: str
    key: bytes
    value: bytes
    """The stored bytes."""
    problem: str


def find_unreadable(
    read: Callable[[], AbstractContextManager[Reader]], stack_id: str
) -> Iterator[Unreadable]:
    """Read every record of a stack except its own, and yield the unreadable ones.

    Args:
        read: opens a snapshot of the store; called repeatedly.
        stack_id: the stack.
    """
    for table in RECORD_TABLES:
        if table is STACKS:
            continue
        if table in (IDEAS, WORK):
            start, stop = prefix_range(stack_id.encode())
        else:
            start, stop = prefix_range(f"{stack_id}/".encode())
        found = RECORDS_PER_SNAPSHOT
        while found == RECORDS_PER_SNAPSHOT:
            found = 0
            with read() as reader:
                for key, value in islice(reader.scan(table.name, start, stop), RECORDS_PER_SNAPSHOT):
                    problem = _problem(table.name, key, value)
                    if problem is not None:
                        yield Unreadable(table.name, key, value, problem)
                    start = key + b"\x00"
                    found += 1


def remove_unreadable(
    reader: Reader, named: Iterable[tuple[str, bytes]], fence: Fence | None
) -> tuple[Commit, tuple[tuple[str, bytes], ...]]:
    """Return a commit that removes the named records that are still unreadable, and those records.

    Args:
        reader: the state of the store to read.
        named: (table, key) of each.
        fence: the stack owner's.
    """
    commit, removed = Commit(fence), []
    for table, key in named:
        value = reader.get(table, key)
        if value is not None and _problem(table, key, value) is not None:
            commit.delete(table, key)
            removed.append((table, key))
    return commit, tuple(removed)


def _problem(table: str, key: bytes, value: bytes) -> str | None:
    try:
        _READ[table].read(key, value)
    except CorruptRecordError as error:
        return str(error)
    return None
