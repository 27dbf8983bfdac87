"""Finds and removes unreadable records of a stack."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from typing import NamedTuple

from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError
from recursor.storage.rollups import read_figures
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import BY_TYPE, HOURS, IDEAS, MINUTES, RECORD_TABLES, STACKS, WORK, WORKSPACES

# An open snapshot keeps old pages of the store from being reused.
RECORDS_PER_SNAPSHOT = 1000

REMOVABLE = frozenset([*(table.name for table in BY_TYPE.values() if table is not STACKS), MINUTES, HOURS])
"""The tables whose records a stack can do without. It cannot do without the accounts of its budgets."""

_READERS: Mapping[str, Callable[[bytes, bytes], object]] = {
    **{table.name: table.read for table in RECORD_TABLES if table is not STACKS},
    **{name: partial(read_figures, name) for name in (MINUTES, HOURS)},
}
_ONE_PER_STACK = (IDEAS.name, WORK.name, WORKSPACES.name)


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
    for table in _READERS:
        start, stop = prefix_range((stack_id if table in _ONE_PER_STACK else f"{stack_id}/").encode())
        found = RECORDS_PER_SNAPSHOT
        while found == RECORDS_PER_SNAPSHOT:
            found = 0
            with read() as reader:
                for key, value in islice(reader.scan(table, start, stop), RECORDS_PER_SNAPSHOT):
                    problem = _problem(table, key, value)
                    if problem is not None:
                        yield Unreadable(table, key, value, problem)
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
        _READERS[table](key, value)
    except CorruptRecordError as error:
        return str(error)
    return None
