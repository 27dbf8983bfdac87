"""History goes by age and by count, oldest first, in portions; what is running stays."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.ids import earliest_id
from recursor.domain.settings import RetentionSettings
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.storage import retention
from recursor.storage.broadcasts import needless_broadcasts, prunable_broadcasts
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError
from recursor.storage.opening import memory_store
from recursor.storage.retention import outdated_sums, prunable, removable
from recursor.storage.rollups import count_execution, sum_rollups
from recursor.storage.stack_store import take_snapshot
from recursor.storage.store import Store
from recursor.storage.tables import (
    ALL_STACKS,
    ARTIFACTS,
    EXECUTIONS,
    GRAPHS,
    MESSAGES,
    STACKS,
    TABLES,
    TODOS,
    TRACES,
    USER_MESSAGES,
)
from tests.making import (
    NOW,
    STACK,
    make_artifact,
    make_graph,
    make_message,
    make_stack,
    make_todo,
    make_user_message,
)

DAY = 86_400.0
OTHER = "5eed000000000002"
FENCE = Fence(STACK, 1)
EVERYTHING = RetentionSettings(executions=1000, traces=1000, days=10_000)


def identity(days_ago: float) -> str:
    return earliest_id(NOW - days_ago * DAY).ljust(32, "7")


def live(store: Store, *days_ago: float, stack_id: str = STACK) -> None:
    commit = Commit()
    for days in days_ago:
        at, each = NOW - days * DAY, identity(days)
        execution = OrchestratorExecution(
            id=each, stack_id=stack_id, number=1, epoch=0, started_at=at, finished_at=at
        )
        EXECUTIONS.add(commit, execution)
        GRAPHS.add(commit, make_graph(id=each, stack_id=stack_id))
        TRACES.add(
            commit,
            Trace(id=each, stack_id=stack_id, execution_id=each, role="a", created_at=at, summary="was here"),
        )
        count_execution(commit, execution, None)
    store.write(commit)


def prune_all(store: Store, keep: RetentionSettings) -> list[int]:
    removed: list[int] = []
    while True:
        with store.read() as reader:
            foreseen = prunable(reader, STACK, keep, NOW)
            sums = outdated_sums(reader, STACK, keep, NOW, FENCE)
            commit, pruned = removable(reader, STACK, keep, NOW, FENCE)
        assert commit.fence == sums.fence == FENCE
        if sums:
            store.write(sums)
        if not pruned:
            assert not commit
            assert not foreseen
            return removed
        store.write(commit)
        assert foreseen.bytes >= pruned.bytes > 0
        removed.append(pruned.records.total())


def left(store: Store, table: Any, stack_id: str = STACK) -> list[str]:
    with store.read() as reader:
        return [record.id for record in table.scan(reader, stack_id)]


def test_nothing_goes_that_may_stay(database: Store) -> None:
    live(database, 3, 2, 1)
    with database.read() as reader:
        before = {table: dict(reader.scan(table)) for table in TABLES}
    assert prune_all(database, EVERYTHING) == []
    with database.read() as reader:
        assert {table: dict(reader.scan(table)) for table in TABLES} == before


@pytest.mark.parametrize(
    "limits", [{"days": 2.5}, {"executions": 2, "traces": 2}, {"days": 2.5, "executions": 2}]
)
def test_what_is_too_old_or_too_many_goes_with_its_graph(database: Store, limits: dict[str, Any]) -> None:
    live(database, 5, 4, 3, 2, 1)
    live(database, 5, 4, 3, 2, 1, stack_id=OTHER)
    keep = RetentionSettings(**{"executions": 1000, "traces": 1000, "days": 10_000.0, **limits})
    assert sum(prune_all(database, keep)) == 6
    for table in (EXECUTIONS, GRAPHS, TRACES):
        assert left(database, table) == [identity(2), identity(1)]
        assert len(left(database, table, OTHER)) == 5


def test_each_has_a_count_of_its_own(database: Store) -> None:
    live(database, 5, 4, 3, 2, 1)
    prune_all(database, RetentionSettings(executions=1, traces=4, days=10_000))
    assert len(left(database, EXECUTIONS)) == len(left(database, GRAPHS)) == 1
    assert len(left(database, TRACES)) == 4


def test_the_stricter_of_age_and_count_decides(database: Store) -> None:
    live(database, 5, 4, 3, 2, 1)
    prune_all(database, RetentionSettings(executions=4, traces=1, days=2.5))
    assert len(left(database, EXECUTIONS)) == 2
    assert len(left(database, TRACES)) == 1


def test_no_transaction_is_long(database: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    live(database, *range(10, 0, -1))
    assert prune_all(database, RetentionSettings(executions=2, traces=9, days=10_000)) == [3, 3, 3]
    assert left(database, EXECUTIONS) == [identity(2), identity(1)]


def test_the_cycle_that_is_running_stays_however_old(database: Store) -> None:
    live(database, 90, 80, 70, 1)
    paused = make_stack(state="paused", current_execution_id=identity(80))
    put(database, STACKS, paused)
    prune_all(database, RetentionSettings(executions=1000, traces=1000, days=30))
    assert left(database, EXECUTIONS) == left(database, GRAPHS) == [identity(80), identity(1)]


def test_statistics_are_forgotten_by_age_alone(database: Store) -> None:
    live(database, 100, 40, 20, 1)
    prune_all(database, RetentionSettings(executions=1, traces=1, days=30))
    with database.read() as reader:
        assert sum_rollups(reader, STACK, 0, NOW).cycles == 2
        assert sum_rollups(reader, ALL_STACKS, 0, NOW).cycles == 3


def test_a_stack_without_history_has_nothing_to_lose(database: Store) -> None:
    assert prune_all(database, RetentionSettings(executions=1, traces=1, days=0.001)) == []
    assert prune_all(database, RetentionSettings(days=1e9)) == []


HOUR_AGO = NOW - 3601
STRICTEST = RetentionSettings(
    executions=1, traces=1, days=0.001, todos=1, messages=1, user_messages=1, artifacts=1, contents_days=0.001
)


def put(store: Store, table: Any, *records: Any) -> None:
    commit = Commit()
    for record in records:
        table.put(commit, record)
    store.write(commit)


def damage(store: Store, table: Any, key: bytes) -> None:
    commit = Commit()
    commit.put(table.name, key, b"\xc1")
    store.write(commit)


def closed_todos(numbers: Iterable[int], **fields: Any) -> list[Todo]:
    fields = {"status": "completed", "closed_at": HOUR_AGO, **fields}
    return [make_todo(number, **fields) for number in numbers]


class TestContents:
    """Todos, messages, versions: kept by count; by age, too, if so wished."""

    def test_go_by_count_oldest_first(self, database: Store) -> None:
        put(database, TODOS, *closed_todos(range(1, 301)))
        put(database, MESSAGES, *[make_message(n, read_at=HOUR_AGO) for n in range(1, 6)])
        answered = {
            "answer": "yes",
            "created_at": HOUR_AGO,
            "answered_at": HOUR_AGO,
            "planned_at": HOUR_AGO,
        }
        put(database, USER_MESSAGES, *[make_user_message(n, **answered) for n in range(1, 41)])
        put(database, ARTIFACTS, *[make_artifact(n) for n in range(1, 6)])
        prune_all(
            database,
            RetentionSettings(todos=250, messages=2, user_messages=30, artifacts=3, days=10_000),
        )
        assert left(database, TODOS) == [f"{n:032}" for n in range(51, 301)]
        assert left(database, MESSAGES) == [f"{n:032}" for n in (4, 5)]
        assert left(database, USER_MESSAGES) == [f"{n:032}" for n in range(11, 41)]
        assert left(database, ARTIFACTS) == [f"{n:032}" for n in (3, 4, 5)]

    def test_stay_for_ever_while_they_are_few_unless_an_age_is_set(self, database: Store) -> None:
        long_ago = NOW - 400 * DAY
        ids = [earliest_id(long_ago + n).ljust(32, "0") for n in range(4)]
        put(database, MESSAGES, *[make_message(read_at=long_ago).but(id=each) for each in ids[:3]])
        put(database, MESSAGES, make_message(read_at=NOW - 2 * DAY).but(id=ids[3]))
        put(database, ARTIFACTS, make_artifact(1, created_at=long_ago), make_artifact(2, created_at=long_ago))
        assert prune_all(database, RetentionSettings()) == []
        prune_all(database, RetentionSettings(contents_days=30))
        # What was made long ago and read lately is not old.
        assert left(database, MESSAGES) == [ids[3]]
        assert left(database, ARTIFACTS) == [f"{2:032}"]

    def test_stay_for_an_hour_after_they_were_closed(self, database: Store) -> None:
        put(database, TODOS, *closed_todos(range(1, 300), closed_at=NOW - 3599))
        put(database, MESSAGES, make_message(read_at=NOW - 3599))
        assert prune_all(database, STRICTEST) == []

    def test_stay_while_there_is_something_to_do_about_them(self, database: Store) -> None:
        put(database, TODOS, *[make_todo(n) for n in range(1, 300)])
        put(database, MESSAGES, *[make_message(n) for n in range(1, 5)])
        put(database, USER_MESSAGES, *[make_user_message(n) for n in range(1, 30)])
        unplanned = {"answer": "yes", "answered_at": HOUR_AGO}
        put(database, USER_MESSAGES, *[make_user_message(n, **unplanned) for n in range(30, 60)])
        assert prune_all(database, STRICTEST) == []

    def test_the_newest_version_stays_and_numbers_go_on(self, database: Store) -> None:
        put(database, ARTIFACTS, *[make_artifact(n, created_at=NOW - 90 * DAY) for n in range(1, 4)])
        prune_all(database, STRICTEST)
        assert left(database, ARTIFACTS) == [f"{3:032}"]

    def test_one_that_cannot_be_read_is_in_the_way_of_no_other(self, database: Store) -> None:
        put(database, MESSAGES, *[make_message(n, read_at=HOUR_AGO) for n in range(1, 6)])
        live(database, 90)
        key = f"{STACK}/2/{2:032}".encode()
        damage(database, MESSAGES, key)
        prune_all(database, STRICTEST)
        assert left(database, EXECUTIONS) == []
        with database.read() as reader:
            assert list(MESSAGES.keys(reader, STACK)) == [f"{2:032}"]

    def test_no_transaction_is_heavy(self, database: Store) -> None:
        large = "x" * 5_000_000
        put(database, ARTIFACTS, *[make_artifact(n, content=large) for n in range(1, 6)])
        assert prune_all(database, RetentionSettings(artifacts=1)) == [2, 2]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_agents_see_what_they_saw(seed: int) -> None:
    store, draw = memory_store(), Random(seed)

    def past() -> float:
        return NOW - draw.choice([10, 4000, 5 * DAY, 500 * DAY])

    def identities(most: int) -> list[str]:
        return [earliest_id(past()) + f"{n:020}" for n in range(draw.randrange(most))]

    put(store, STACKS, make_stack(broadcasts_read=earliest_id(past()) + "0" * 20))
    for each in identities(600):
        status = draw.choice(["pending", "completed", "cancelled"])
        closed = None if status == "pending" else past()
        put(store, TODOS, make_todo(status=status, closed_at=closed).but(id=each))
    for each in identities(60):
        answered = draw.choice([None, past()])
        planned = draw.choice([None, past()])
        message = make_user_message(
            answer="a" if answered else None, answered_at=answered, planned_at=planned
        )
        put(store, USER_MESSAGES, message.but(id=each))
    for each in identities(20):
        put(store, MESSAGES, make_message(read_at=draw.choice([None, past()])).but(id=each))
        put(store, MESSAGES, make_message(to_stack_id=None).but(id=each))
    put(store, ARTIFACTS, *[make_artifact(n, created_at=past()) for n in range(1, draw.randrange(1, 6))])

    def snapshot() -> Snapshot:
        with store.read() as reader:
            return take_snapshot(reader, STACK, {"planner": None}, NOW)

    before = snapshot()
    prune_all(store, STRICTEST)
    with store.read() as reader:
        commit, _ = prunable_broadcasts(reader, NOW)
    store.write(commit)
    assert snapshot() == before
    assert prune_all(store, STRICTEST) == []


def needless(store: Store, before: float = NOW) -> list[bytes]:
    with store.read() as reader:
        return [key for key, _ in needless_broadcasts(reader, before)]


class TestBroadcasts:
    def broadcast(self, store: Store, *numbers: int, author: str = OTHER) -> None:
        put(store, MESSAGES, *[make_message(n, to_stack_id=None, from_stack_id=author) for n in numbers])

    def keys(self, *numbers: int) -> list[bytes]:
        return [f"all/0/{n:032}".encode() for n in numbers]

    def test_that_all_have_read_are_needless_but_the_newest(self, database: Store) -> None:
        self.broadcast(database, 1, 2, 3, 4, 5)
        put(database, STACKS, make_stack(broadcasts_read=f"{3:032}"))
        assert needless(database) == self.keys(1, 2, 3)
        put(database, STACKS, make_stack(id=OTHER, broadcasts_read=f"{2:032}"))
        # Its own are not there for a stack to read.
        assert needless(database) == self.keys(1, 2, 3)
        put(database, STACKS, make_stack(id="5eed000000000003", broadcasts_read=f"{1:032}"))
        assert needless(database) == self.keys(1)
        put(database, STACKS, make_stack(id="5eed000000000003", broadcasts_read=f"{5:032}"))
        put(database, STACKS, make_stack(broadcasts_read=f"{5:032}"))
        assert needless(database) == self.keys(1, 2, 3, 4)

    def test_of_the_last_hour_are_not(self, database: Store) -> None:
        ids = [earliest_id(at).ljust(32, "0") for at in (NOW - 20, NOW - 10, NOW)]
        put(database, MESSAGES, *[make_message(to_stack_id=None).but(id=each) for each in ids])
        assert needless(database, NOW - 10) == [f"all/0/{ids[0]}".encode()]

    def test_one_that_cannot_be_read_does_not_belong_to_the_only_one_who_waits(self, database: Store) -> None:
        self.broadcast(database, 1, 2, 3)
        put(database, STACKS, make_stack(id=OTHER))
        assert needless(database) == self.keys(1, 2)
        damage(database, MESSAGES, self.keys(1)[0])
        assert needless(database) == self.keys(2)

    def test_of_a_store_with_an_unreadable_stack_nobody_can_tell(self, database: Store) -> None:
        self.broadcast(database, 1, 2)
        damage(database, STACKS, STACK.encode())
        with pytest.raises(CorruptRecordError):
            needless(database)
