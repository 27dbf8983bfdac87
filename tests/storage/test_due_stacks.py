"""Which stacks are looked at when a runner starts, whatever is in the store."""

import pytest

from recursor.storage.due_stacks import stacks_to_wake
from recursor.storage.store import Store
from recursor.storage.tables import MESSAGES, STACKS, WORK
from tests.making import NOW, make_message, make_report, make_stack
from tests.storage.writing import damage, put


def wake(store: Store) -> dict[str, float]:
    with store.read() as reader:
        return dict(stacks_to_wake(reader, NOW))


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


def test_waking_does_not_believe_a_clock_that_was_ahead(database: Store) -> None:
    ahead = NOW + 3600
    put(
        database,
        make_stack(id="worked then", next_look_at=ahead + 5, last_activity_at=ahead),
        make_stack(id="looked then", next_look_at=ahead + 5, last_activity_at=NOW - 9),
        make_report(stack_id="looked then", computed_at=ahead),
        make_stack(id="due in an hour", next_look_at=ahead, last_activity_at=NOW - 9),
        make_report(stack_id="due in an hour", computed_at=NOW - 3),
        make_stack(id="never looked at", next_look_at=ahead),
    )
    assert wake(database) == {
        "worked then": 0.0,
        "looked then": 0.0,
        "due in an hour": ahead,
        "never looked at": ahead,
    }


@pytest.mark.parametrize("value", [b"", b"\x92\x01\x80"])
def test_waking_looks_again_at_a_stack_whose_work_status_cannot_be_read(
    database: Store, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    put(database, make_stack(id="one", next_look_at=NOW + 3600))
    damage(database, WORK.name, "one", value)
    assert wake(database) == {"one": 0.0}
    assert not caplog.text
