"""Records that cannot be read: all of one stack's are found, and only those are removed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from recursor.storage import repairing
from recursor.storage.commit import Commit
from recursor.storage.memory_store import MemoryStore
from recursor.storage.repairing import find_unreadable, remove_unreadable
from recursor.storage.store import Reader, Store
from recursor.storage.tables import HOURS, IDEAS, RECORD_TABLES, TABLES, TODOS, TRACES
from tests.making import STACK, make_idea, make_todo
from tests.storage.writing import damage, put

OTHER = "b" * 16


def test_all_are_found_in_many_short_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing, "RECORDS_PER_SNAPSHOT", 3)
    commit = Commit()
    for stack_id in (STACK, OTHER):
        for number in range(7):
            commit.put(TRACES.name, f"{stack_id}/{number}".encode(), b"")
    with closing(MemoryStore(TABLES)) as store:
        store.write(commit)
        snapshots = 0

        @contextmanager
        def read() -> Iterator[Reader]:
            nonlocal snapshots
            with store.read() as reader:
                snapshots += 1
                yield reader

        found = list(find_unreadable(read, STACK))

    assert [each.key.decode() for each in found] == [f"{STACK}/{number}" for number in range(7)]
    assert all("traces" in each.problem for each in found)
    # One for each table but the stacks', two for sums, and two more for the one that has more than three.
    assert snapshots == len(RECORD_TABLES) - 1 + 2 + 2


def test_only_what_cannot_be_read_is_found_and_removed(database: Store) -> None:
    put(database, make_idea(), make_todo(1), make_todo(2))
    with database.read() as reader:
        sound = next(key for key, _ in reader.scan(TODOS.name))
    damage(database, IDEAS.name, STACK)
    damage(database, TODOS.name, f"{STACK}/0/{3:032}")
    damage(database, HOURS, f"{STACK}/{5:012}")
    found = list(find_unreadable(database.read, STACK))
    assert [(each.table, each.key.decode()) for each in found] == [
        (IDEAS.name, STACK),
        (TODOS.name, f"{STACK}/0/{3:032}"),
        (HOURS, f"{STACK}/{5:012}"),
    ]

    named = [*((each.table, each.key) for each in found), (TODOS.name, sound), (TODOS.name, b"gone")]
    with database.read() as reader:
        commit, removed = remove_unreadable(reader, named, None)
    assert removed == tuple(named[:3])
    database.write(commit)
    assert list(find_unreadable(database.read, STACK)) == []
    with database.read() as reader:
        assert len(list(TODOS.scan(reader, STACK))) == 2
