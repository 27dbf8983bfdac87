"""One stack's records, read through."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from recursor.doctor import stacks
from recursor.storage.commit import Commit
from recursor.storage.memory_store import MemoryStore
from recursor.storage.store import Reader
from recursor.storage.tables import TABLES, TRACES

STACK, OTHER = "a" * 16, "b" * 16


def damage() -> Commit:
    commit = Commit()
    for stack_id in (STACK, OTHER):
        for number in range(7):
            commit.put(TRACES.name, f"{stack_id}/{number}".encode(), b"")
    return commit


def test_all_of_them_are_read_in_many_short_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "RECORDS_PER_SNAPSHOT", 3)
    with closing(MemoryStore(TABLES)) as store:
        store.write(damage())
        snapshots = 0

        @contextmanager
        def read() -> Iterator[Reader]:
            nonlocal snapshots
            with store.read() as reader:
                snapshots += 1
                yield reader

        unreadable = stacks.read_everything(read, STACK)

    assert all(STACK in text for text in unreadable)
    assert len(unreadable) == 7
    # One for each table, and two more for the one that has more than three.
    assert snapshots == len(stacks.RECORD_TABLES) + 2
