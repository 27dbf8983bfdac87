"""A store that an older Recursor wrote is brought up to date by the first who opens it for writing."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from recursor.domain.execution import OrchestratorExecution
from recursor.storage.codec import pack
from recursor.storage.errors import SchemaVersionError
from recursor.storage.ledger import begin_ledger
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import Migrations
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.queries import total_stats
from recursor.storage.rollups import count_execution, sum_up_all_stacks
from recursor.storage.tables import (
    ALL_STACKS,
    EXECUTIONS,
    HOURS,
    LIFETIME,
    MINUTES,
    STACKS,
    TABLES,
)
from tests.making import NOW, STACK, make_stack


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as it was before there were sums over all stacks: two stacks, three cycles."""

    def work(writer: Any) -> None:
        for stack_id, ago in ((STACK, 0), (STACK, 7200), ("5eed000000000002", 0)):
            execution = OrchestratorExecution(
                id="1",
                stack_id=stack_id,
                number=1,
                epoch=0,
                status="completed",
                started_at=NOW - ago - 1,
                finished_at=NOW - ago,
            )
            count_execution(writer, execution, None)
        for table in (MINUTES, HOURS):
            writer.delete_range(table, f"{ALL_STACKS}/".encode(), f"{ALL_STACKS}0".encode())
        writer.delete_range(LIFETIME, b"", None)

    with closing(LmdbStore(tmp_path / "store", TABLES)) as store:
        store.write(work)
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
    other = "5eed000000000002"

    def work(writer: Any) -> None:
        for stack_id, count in ((STACK, total), (other, 70)):
            fields = make_stack(id=stack_id, total_cycles=count).model_dump()
            del fields["last_cycle"]
            writer.put(STACKS.name, stack_id.encode(), pack([1, fields]))
        for index, number in enumerate(recorded):
            if number is None:
                writer.put(EXECUTIONS.name, f"{STACK}/{index:032}".encode(), b"\xc1")
                continue
            cycle = OrchestratorExecution(
                id=f"{index:032}", stack_id=STACK, number=number, epoch=0, started_at=NOW
            )
            EXECUTIONS.add(writer, cycle)
        writer.put(STACKS.name, b"5eed000000000003", b"\xc1 unreadable")

    older = Migrations({1: sum_up_all_stacks, 2: begin_ledger})
    with closing(LmdbStore(tmp_path, TABLES, migrations=older)) as store:
        store.write(work)
    with closing(open_store(tmp_path)) as store, store.read() as reader:
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
    newer = type(MIGRATIONS)({number: lambda _: None for number in range(1, MIGRATIONS.latest + 2)})
    LmdbStore(tmp_path, TABLES, migrations=newer).close()
    with pytest.raises(SchemaVersionError, match="use a newer Recursor"):
        open_store(tmp_path)
