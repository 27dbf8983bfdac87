"""Revisions and nudges: how writers tell, within a transaction, that there is something to look at."""

import pytest

from recursor.storage.nudges import clear_nudges, leave_nudge, read_nudges
from recursor.storage.revisions import bump_revision, bump_runs, read_revision, same_contents
from recursor.storage.store import Store
from recursor.storage.tables import BROADCASTS, NUDGES, REVISIONS
from tests.making import STACK

OTHER = "5eed000000000002"


def revision(store: Store, stack_id: str = STACK) -> tuple[int, int, int]:
    with store.read() as reader:
        return read_revision(reader, stack_id)


class TestRevision:
    def test_rises_with_every_write_to_the_stack(self, database: Store) -> None:
        assert revision(database) == (0, 0, 0)
        database.write(lambda writer: bump_revision(writer, STACK))
        database.write(lambda writer: bump_revision(writer, STACK))
        database.write(lambda writer: bump_runs(writer, STACK))
        assert revision(database) == (2, 1, 0)
        assert revision(database, OTHER) == (0, 0, 0)

    def test_rises_for_all_with_a_broadcast(self, database: Store) -> None:
        database.write(lambda writer: bump_revision(writer, BROADCASTS))
        assert revision(database) == revision(database, OTHER) == (0, 0, 1)

    def test_tells_what_agents_note_from_what_has_changed(self) -> None:
        assert same_contents((1, 2, 3), (1, 9, 3))
        assert not same_contents((1, 2, 3), (2, 2, 3))
        assert not same_contents((1, 2, 3), (1, 2, 4))

    @pytest.mark.parametrize("damaged", [b"", b"x", b"x" * 15, b"x" * 17])
    def test_that_is_damaged_begins_anew(self, database: Store, damaged: bytes) -> None:
        database.write(lambda writer: writer.put(REVISIONS, STACK.encode(), damaged))
        assert revision(database) == (0, 0, 0)
        database.write(lambda writer: bump_revision(writer, STACK))
        assert revision(database) == (1, 0, 0)


class TestNudges:
    def test_are_read_oldest_first_and_cleared_by_key(self, database: Store) -> None:
        for stack_id in (STACK, OTHER, STACK):
            database.write(lambda writer, stack_id=stack_id: leave_nudge(writer, stack_id))
        with database.read() as reader:
            found = read_nudges(reader)
        assert list(found.values()) == [STACK, OTHER, STACK]
        keys = list(found)
        database.write(lambda writer: clear_nudges(writer, keys[:2]))
        with database.read() as reader:
            assert list(read_nudges(reader)) == keys[2:]

    def test_are_read_in_portions(self, database: Store) -> None:
        database.write(lambda writer: [leave_nudge(writer, str(number)) for number in range(5)] and None)
        with database.read() as reader:
            assert list(read_nudges(reader, limit=3).values()) == ["0", "1", "2"]

    def test_one_that_is_damaged_is_read_as_well_and_can_be_cleared(self, database: Store) -> None:
        database.write(lambda writer: writer.put(NUDGES, b"1", b"\xff\xfe"))
        with database.read() as reader:
            keys = list(read_nudges(reader))
        database.write(lambda writer: clear_nudges(writer, keys))
        with database.read() as reader:
            assert read_nudges(reader) == {}
