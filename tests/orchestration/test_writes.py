"""What is to be written, added up: the later replaces the earlier, and nothing is written for nothing."""

import pytest

from recursor.domain.execution import OrchestratorExecution
from recursor.orchestration.writes import Writes
from tests.making import NOW, STACK, make_message, make_stack, make_todo

MESSAGE = make_message(1, from_stack_id=STACK, to_stack_id="other")


def test_nothing_is_nothing() -> None:
    writes = Writes()
    writes.extend(Writes())
    assert not writes
    assert list(writes) == []


def test_of_one_record_the_last_is_written() -> None:
    writes, later = Writes(), Writes()
    writes.put("1", make_todo(1))
    writes.put("", make_stack())
    later.put("1", make_todo(1, priority=5))
    writes.extend(later)
    assert list(writes) == [make_todo(1, priority=5), make_stack()]


def test_a_message_that_arrives_before_it_is_stored_is_not_stored() -> None:
    writes, later = Writes(), Writes()
    writes.sent[MESSAGE.id] = MESSAGE
    later.arrive(MESSAGE.id)
    writes.extend(later)
    assert not writes


def test_a_message_that_was_stored_is_removed() -> None:
    writes, later = Writes(), Writes()
    later.arrive(MESSAGE.id)
    writes.extend(later)
    assert (set(writes.arrived), writes.sent) == ({MESSAGE.id}, {})
    assert writes


def test_cycles_that_ended_are_all_counted() -> None:
    executions = [
        OrchestratorExecution(id=str(n), stack_id=STACK, number=n, epoch=0, started_at=NOW) for n in (1, 2)
    ]
    writes = Writes()
    for execution in executions:
        later = Writes()
        later.ended += ((execution, None),)
        writes.extend(later)
    assert [execution for execution, _ in writes.ended] == executions


@pytest.mark.parametrize("known", [None, make_stack(name="yard")])
def test_of_several_names_the_first_before_and_the_last_after_count(known: object) -> None:
    writes = Writes()
    for before, after in ((known, make_stack()), (make_stack(), make_stack(name="park"))):
        later = Writes()
        later.renamed = before, after  # type: ignore[assignment]  # a stack or none
        writes.extend(later)
    assert writes.renamed == (known, make_stack(name="park"))


def test_a_deletion_stays_one() -> None:
    writes, later = Writes(), Writes()
    writes.deleted = True
    later.put("1", make_todo(1))
    writes.extend(later)
    assert writes.deleted
