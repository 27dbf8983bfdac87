"""The numbers of a stack's cycles, whatever is done to it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError
from recursor.domain.events import CycleFinished, CycleStarted
from recursor.domain.execution import ExecutionStatus
from tests.actors.stage import Cast, Gate, fail, until


def test_a_cycle_that_was_cancelled_keeps_its_number(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.tell(stack_id, Command.STOP)
    assert stage.stack(stack_id).last_cycle == 1
    gate.open()
    stage.tell(stack_id, Command.START)
    stage.wait_for(CycleFinished, stack_id, where=lambda end: end.status is ExecutionStatus.COMPLETED)

    assert [(c.number, c.status) for c in stage.cycles(stack_id)] == [
        (1, ExecutionStatus.CANCELLED),
        (2, ExecutionStatus.COMPLETED),
    ]
    assert [event.number for event in stage.events(CycleStarted, stack_id)] == [1, 2]


def test_a_cycle_that_goes_on_after_a_restart_keeps_its_number(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "first: b")
    gate.wait_entered()
    stage.crash()
    gate.open()
    stage.start()
    stage.wait_rest(stack_id)

    assert [c.number for c in stage.cycles(stack_id)] == [1, 2]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from([*Command, "work", "failing work", "crash", "settle"]), max_size=25))
def test_numbers_count_up_by_one_for_as_long_as_the_stack_exists(set_stage, doings):
    cast = Cast(second=fail)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "last: b")
    for count, doing in enumerate(doings):
        if doing in set(Command):
            try:
                stage.tell(stack_id, doing)
            except ConflictError:
                continue
        elif doing == "crash":
            stage.crash()
            stage.start()
        elif doing == "settle":
            until(lambda: stage.load().agents_running == 0)
            stage.clock.advance(1000)
        else:
            stage.add_todo(stack_id, f"{'first' if doing == 'work' else 'second'}: {count}")
    # What is looked at does not go on meanwhile.
    stage.crash()

    numbers = [cycle.number for cycle in stage.cycles(stack_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert stage.stack(stack_id).last_cycle == len(numbers)
