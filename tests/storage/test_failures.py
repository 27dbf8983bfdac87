"""Failed cycles are found among the others, newest first."""

from recursor.domain.execution import ExecutionStatus
from recursor.storage.failures import failed_execution_ids
from recursor.storage.store import Store
from recursor.storage.tables import EXECUTIONS
from tests.doctor.evidence import make_execution
from tests.making import STACK
from tests.storage.writing import damage, put


def test_the_newest_failures_come_first_and_no_others(database: Store) -> None:
    for number in range(1, 31):
        status = ExecutionStatus.FAILED if number % 10 == 0 else ExecutionStatus.COMPLETED
        put(database, make_execution(number, status=status))
    put(database, make_execution(99, stack_id="5eed000000000002", status=ExecutionStatus.FAILED))
    with database.read() as reader:
        found = [int(each) for each in failed_execution_ids(reader, STACK, 100)]
        near = [int(each) for each in failed_execution_ids(reader, STACK, 11)]
    assert found == [30, 20, 10]
    assert near == [30, 20]


def test_one_that_cannot_be_read_is_not_passed_over(database: Store) -> None:
    keys = {"1": b"\xc1", "2": b"", "3": b"\x92\x01\x80"}
    for key, value in keys.items():
        damage(database, EXECUTIONS.name, f"{STACK}/{key}", value)
    with database.read() as reader:
        assert list(failed_execution_ids(reader, STACK, 100)) == ["3", "2", "1"]
