"""Which stacks are looked at when a runner starts, whatever is in the store."""

import pytest

from recursor.storage.due_stacks import stacks_to_wake
from recursor.storage.store import Store
from recursor.storage.tables import MESSAGES, STACKS
from tests.making import NOW, make_message, make_stack
from tests.storage.writing import damage, put


def wake(store: Store) -> dict[str, float]:
    with store.read() as reader:
        return dict(stacks_to_wake(reader))


def test_waking_is_for_those_that_run_and_are_due_some_time(database: Store) -> None:
    put(
        database,
        make_stack(id="later", next_look_at=NOW + 9),
        make_stack(id="rests"),
        make_stack(id="interrupted", current_execution_id="1"),
        *(make_stack(id=state, state=state, next_look_at=NOW) for state in ("idle", "paused", "stopped")),
    )
    assert wake(database) == {"later": NOW + 9, "interrupted": 0.0}


def test_waking_is_for_paused_stacks_whose_records_still_tell_of_a_run(database: Store) -> None:
    put(
        database,
        make_stack(id="paused in a cycle", state="paused", current_execution_id="1"),
        make_stack(id="paused", state="paused"),
    )
    assert wake(database) == {"paused in a cycle": 0.0}


def test_waking_is_for_those_that_have_not_read_the_newest_broadcast(database: Store) -> None:
    put(database, make_stack(id="read", broadcasts_read=f"{7:032}"), make_stack(id="unread"))
    put(database, make_message(7, to_stack_id=None))
    assert wake(database) == {"unread": 0.0}


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x90", b"\x92\x01\x80", b"\x92\x01\xa1x", b"\xff" * 9])
def test_waking_passes_over_what_cannot_be_read_and_names_it(
    database: Store, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    put(database, make_stack(id="good", next_look_at=NOW))
    damage(database, STACKS.name, "bad", value)
    assert wake(database) == {"good": NOW}
    assert "stack bad cannot be read" in caplog.text


def test_waking_is_not_kept_from_anybody_by_a_damaged_broadcast(database: Store) -> None:
    put(database, make_stack(id="good", next_look_at=NOW))
    damage(database, MESSAGES.name, f"all/0/{1:032}")
    assert wake(database) == {"good": 0.0}
    # One that is made now begins after it.
    put(database, make_stack(id="new", next_look_at=NOW, broadcasts_read=f"{1:032}"))
    assert wake(database)["new"] == NOW
