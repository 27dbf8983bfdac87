"""A store that an older Recursor wrote is brought up to date by the first who opens it for writing."""

import tarfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.stack import ExecutionState
from recursor.storage.codec import pack
from recursor.storage.commit import Commit
from recursor.storage.errors import SchemaVersionError, UnknownTableError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import Migrations, schema_version
from recursor.storage.migration_steps import nothing
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.queries import total_stats
from recursor.storage.rollups import MERGES, count_execution, sum_up_all_stacks
from recursor.storage.store import FENCES
from recursor.storage.tables import (
    ALL_STACKS,
    EXECUTIONS,
    HOURS,
    LIFETIME,
    MESSAGES,
    MINUTES,
    RECORD_TABLES,
    STACKS,
    TABLES,
    TODOS,
    USER_MESSAGES,
    WORK,
)
from tests.making import NOW, STACK, make_stack


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as it was before there were sums over all stacks: two stacks, three cycles."""
    cycles, forgotten = Commit(), Commit()
    for stack_id, ago in ((STACK, 0), (STACK, 7200), ("5eed000000000002", 0)):
        execution = OrchestratorExecution(
            id="1",
            stack_id=stack_id,
            number=1,
            epoch=0,
            status=ExecutionStatus.COMPLETED,
            started_at=NOW - ago - 1,
            finished_at=NOW - ago,
        )
        count_execution(cycles, execution, None)
    for table in (MINUTES, HOURS):
        forgotten.delete_range(table, f"{ALL_STACKS}/".encode(), f"{ALL_STACKS}0".encode())
    forgotten.delete_range(LIFETIME, b"", None)
    with closing(LmdbStore(tmp_path / "store", TABLES, merges=MERGES)) as store:
        store.write(cycles)
        store.write(forgotten)
    return tmp_path / "store"


def test_sums_over_all_stacks_are_made_of_those_there_are(old: Path) -> None:
    for _ in range(2):
        with closing(open_store(old)) as store, store.read() as reader:
            recent = total_stats(reader, NOW - 60, NOW)
            assert (recent.cycles, recent.completed, recent.total_cycles) == (2, 2, 3)
            assert total_stats(reader, 0, NOW).cycles == 3


@pytest.mark.parametrize(
    ("total", "recorded", "last"),
    [
        pytest.param(0, [], 0, id="never ran"),
        pytest.param(3, [1, 2, 3], 3, id="never stopped"),
        pytest.param(2, [1, 2, 3, 4, 1, 2], 4, id="shorter since it was started again"),
        pytest.param(0, [1, 2, 1], 2, id="stopped, and in its first cycle again"),
        pytest.param(9, [8, 9], 9, id="the first are not kept any more"),
        pytest.param(9, [], 9, id="none are kept any more"),
        pytest.param(2, [1, 2, None], 2, id="with a cycle that cannot be read"),
    ],
)
def test_cycles_are_numbered_on_from_the_highest_there_is(
    tmp_path: Path, total: int, recorded: list[int | None], last: int
) -> None:
    other, commit = "5eed000000000002", Commit()
    for stack_id, count in ((STACK, total), (other, 70)):
        fields = make_stack(id=stack_id, total_cycles=count).model_dump()
        del fields["last_cycle"]
        commit.put(STACKS.name, stack_id.encode(), pack([1, fields]))
    for index, number in enumerate(recorded):
        if number is None:
            commit.put(EXECUTIONS.name, f"{STACK}/{index:032}".encode(), b"\xc1")
            continue
        EXECUTIONS.add(
            commit,
            OrchestratorExecution(id=f"{index:032}", stack_id=STACK, number=number, epoch=0, started_at=NOW),
        )
    commit.put(STACKS.name, b"5eed000000000003", b"\xc1 unreadable")

    older = Migrations({1: sum_up_all_stacks, 2: nothing})
    with closing(LmdbStore(tmp_path / "store", TABLES, migrations=older, merges=MERGES)) as store:
        store.write(commit)
    with closing(open_store(tmp_path / "store")) as store, store.read() as reader:
        stack, second = STACKS.get(reader, STACK), STACKS.get(reader, other)
        assert stack == make_stack(total_cycles=total, last_cycle=last)
        assert second is not None
        assert second.last_cycle == 70
        assert reader.get(STACKS.name, b"5eed000000000003") == b"\xc1 unreadable"


def test_who_only_reads_is_told_what_brings_it_up_to_date(old: Path) -> None:
    with pytest.raises(SchemaVersionError, match="start the runner"):
        open_store(old, read_only=True)
    open_store(old).close()
    with closing(open_store(old, read_only=True)) as store, store.read() as reader:
        assert total_stats(reader, NOW, NOW).cycles == 2


def test_a_store_of_a_newer_recursor_is_refused(tmp_path: Path) -> None:
    newer = Migrations(dict.fromkeys(range(1, MIGRATIONS.latest + 2), nothing))
    LmdbStore(tmp_path, TABLES, migrations=newer).close()
    with pytest.raises(SchemaVersionError, match="use a newer Recursor"):
        open_store(tmp_path)


HABITS, RECIPES, NOTES = "7d2cc2db68a01145", "2132a6a87e7a2715", "86818f786529e5d9"


@pytest.fixture
def schema_3(tmp_path: Path) -> Path:
    """The data directory of a runner that knew no owners yet.

    A team that is done and was written to from outside, one that is paused with messages and todos, and one
    whose first cycle was interrupted; beside them a broadcast, and a message from team to team.
    """
    with tarfile.open(Path(__file__).parent / "data" / "schema-3.tar.xz") as archive:
        archive.extractall(tmp_path / "data", filter="data")
    return tmp_path / "data"


class TestADirectoryWithoutOwners:
    def test_opens_with_all_that_was_in_it(self, schema_3: Path) -> None:
        with closing(open_store(schema_3 / "store")) as store, store.read() as reader:
            assert schema_version(reader) == MIGRATIONS.latest
            read = Counter(
                table.name
                for table in RECORD_TABLES
                for key, value in reader.scan(table.name)
                if table.read(key, value)
            )
            assert read == {
                "agent_stacks": 3,
                "project_ideas": 3,
                "agent_states": 6,
                "todos": 9,
                "messages": 2,
                "user_messages": 3,
                "artifacts": 8,
                "orchestrator_executions": 15,
                "execution_graphs": 15,
                "agent_traces": 18,
                "budget_accounts": 1,
            }
            assert total_stats(reader, 0, 4e9).total_cycles == 14
            assert {
                stack_id: stack.state
                for stack_id in (HABITS, RECIPES, NOTES)
                if (stack := STACKS.get(reader, stack_id))
            } == {
                HABITS: ExecutionState.RUNNING,
                RECIPES: ExecutionState.PAUSED,
                NOTES: ExecutionState.RUNNING,
            }
            assert [message.sender for message in USER_MESSAGES.scan(reader, RECIPES)] == ["Ada", "Bob"]
            assert [todo.content for todo in TODOS.scan(reader, RECIPES) if todo.status.open] == [
                "print without pictures"
            ]
            assert [message.content for message in MESSAGES.scan(reader, HABITS)] == ["may I use your chart?"]

    def test_loses_what_can_be_computed_again_and_what_told_of_changes(self, schema_3: Path) -> None:
        with closing(open_store(schema_3 / "store")) as store, store.read() as reader:
            assert list(reader.scan(WORK.name)) == []
            assert list(reader.scan(FENCES)) == []
            for former in ("revisions", "nudges"):
                with pytest.raises(UnknownTableError):
                    reader.scan(former)

    def test_loses_work_reports_which_are_made_anew(self, schema_3: Path) -> None:
        before = Migrations(dict.fromkeys(range(1, 5), nothing))
        commit = Commit()
        commit.put(WORK.name, HABITS.encode(), pack([1, {"statuses": {"builder": {"waits": True}}}]))
        with closing(LmdbStore(schema_3 / "store", TABLES, migrations=before)) as store:
            store.write(commit)
        with closing(open_store(schema_3 / "store")) as store, store.read() as reader:
            assert list(reader.scan(WORK.name)) == []

    def test_has_due_what_another_process_had_changed_if_it_runs(self, schema_3: Path) -> None:
        before = Migrations(dict.fromkeys(range(1, 4), nothing))
        commit = Commit()
        with closing(LmdbStore(schema_3 / "store", [*TABLES, "nudges"], migrations=before)) as store:
            with store.read() as reader:
                habits, recipes = STACKS.get(reader, HABITS), STACKS.get(reader, RECIPES)
            assert habits is not None
            assert recipes is not None
            for stack in (habits, recipes):
                STACKS.put(commit, stack.but(next_look_at=None))
            store.write(commit)
        with closing(open_store(schema_3 / "store")) as store, store.read() as reader:
            after, paused = STACKS.get(reader, HABITS), STACKS.get(reader, RECIPES)
        assert after is not None
        # When its visitor wrote; the rest is as it was.
        assert after.next_look_at == pytest.approx(habits.next_look_at, abs=0.5)
        assert after == habits.but(next_look_at=after.next_look_at)
        assert paused == recipes.but(next_look_at=None)

    def test_is_copied_first(self, schema_3: Path) -> None:
        open_store(schema_3 / "store").close()
        (kept,) = (schema_3 / "backups").iterdir()
        assert kept.name.startswith(f"before-schema-{MIGRATIONS.latest}-")
        before = Migrations(dict.fromkeys(range(1, 4), nothing))
        copy = LmdbStore(kept / "store", ["nudges"], migrations=before, read_only=True)
        with closing(copy), copy.read() as reader:
            assert sum(1 for _ in reader.scan("nudges")) == 7
        open_store(schema_3 / "store").close()
        assert len(list((schema_3 / "backups").iterdir())) == 1

    def test_is_refused_to_who_only_reads(self, schema_3: Path) -> None:
        with pytest.raises(
            SchemaVersionError,
            match=rf"version 3, this program reads {MIGRATIONS.latest}: open it once for writing",
        ):
            open_store(schema_3 / "store", read_only=True)
        assert not (schema_3 / "backups").exists()
