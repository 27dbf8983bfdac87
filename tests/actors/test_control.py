"""Start, pause, resume, stop and delete, at every moment of a cycle."""

import pytest

from recursor.actors.messages import (
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    GetStatus,
    GetWork,
)
from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.events import CycleFinished, NodeFinished, StackDeleted
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_stack
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.storage.commit import RETIRED
from recursor.storage.tables import FENCES, TABLES
from tests.actors.stage import WAIT, Cast, Gate, HeldStore, fail, finish_todo, until

START, PAUSE, RESUME, STOP = Command.START, Command.PAUSE, Command.RESUME, Command.STOP
ALL = ("first: a", "second: b", "third: c", "last: d")


def contents(store, stack_id):
    """Everything in the store that names the stack, but for the fence that refuses late commits."""
    with store.read() as reader:
        assert reader.get(FENCES, stack_id.encode()) == RETIRED
        return [
            key
            for table in TABLES
            if table != FENCES
            for key, _ in reader.scan(table)
            if stack_id.encode() in key
        ]


# -- Pause -----------------------------------------------------------------------------------------------


def test_a_pause_is_acknowledged_while_agents_run_and_they_are_committed(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = cast.third.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    gate.wait_entered()
    gate.wait_entered()

    assert stage.tell(stack_id, PAUSE).state is ExecutionState.PAUSED
    assert stage.stack(stack_id).state is ExecutionState.PAUSED
    status = stage.status(stack_id)
    assert status.stack.state is ExecutionState.PAUSED
    assert {running.role for running in status.running} == {"second", "third"}

    gate.open()
    stage.wait_for(NodeFinished, stack_id, count=3)
    until(lambda: stage.nodes(stack_id)["last"].status is NodeStatus.PENDING, "the wave's commit")
    assert sorted(stage.committed(stack_id)) == ["first: a", "second: b", "third: c"]
    stage.clock.advance(60)
    assert not cast.last.runs
    assert stage.cycles(stack_id)[0].status is ExecutionStatus.RUNNING

    assert stage.tell(stack_id, RESUME).state is ExecutionState.RUNNING
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id)[3:] == ["last: d"]
    assert sorted(cast.runs()) == ["first", "last", "second", "third"]
    assert [c.status for c in stage.cycles(stack_id)] == [ExecutionStatus.COMPLETED]


def test_a_stack_that_was_paused_long_ago_goes_on_where_it_was(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = cast.third.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    gate.wait_entered()
    gate.wait_entered()
    stage.tell(stack_id, PAUSE)
    gate.open()
    stage.wait_for(NodeFinished, stack_id, count=3)
    stage.status(stack_id)
    until(lambda: (stage.clock.advance(11), stage.load().active_stacks == 0)[1], "the passivation")

    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert sorted(cast.runs()) == ["first", "last", "second", "third"]
    assert sorted(stage.committed(stack_id)) == sorted(ALL)


def test_a_pause_in_the_last_wave_ends_the_cycle_and_begins_no_other(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "first: b")
    gate.wait_entered()
    stage.tell(stack_id, PAUSE)
    gate.open()
    ended = stage.wait_for(CycleFinished, stack_id)

    assert ended.decision.reason == "the stack is paused"
    stage.clock.advance(60)
    stage.status(stack_id)
    assert len(cast.first.runs) == 1
    stage.tell(stack_id, RESUME)
    stage.wait_rest(stack_id)
    assert stage.committed(stack_id) == ["first: a", "first: b"]


def test_a_second_pause_holds_while_the_first_and_a_resume_are_still_on_their_way(set_stage):
    gate, cast, store = Gate(), Cast(), HeldStore()
    cast.first.act = gate
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create("first: a", "second: b")
    gate.wait_entered()
    release, first = store.hold(), store.submitted
    answers = [stage.ref.ask(ControlStack(stack_id, command), block=False) for command in (PAUSE, RESUME)]
    store.wait_submitted(first + 1)
    gate.open()
    until(lambda: not stage.status(stack_id).running, "the end of the wave")
    release_second = store.hold()
    release()
    store.wait_submitted(first + 3)
    answers.append(stage.ref.ask(ControlStack(stack_id, PAUSE), block=False))
    stage.status(stack_id)

    # The resume and the first wave's results are on disk, the second pause is not, and yet nobody starts.
    release_second()
    assert [answer.get(timeout=WAIT).state.value for answer in answers] == ["paused", "running", "paused"]
    stage.status(stack_id)
    assert not cast.second.runs
    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a", "second: b"]


def test_a_visitor_of_a_paused_stack_is_answered_after_the_resume(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    stage.tell(stack_id, PAUSE)
    stage.write_to(stack_id)
    stage.clock.advance(1000)
    stage.status(stack_id)
    assert stage.user_messages(stack_id)[0].answer is None
    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)

    assert stage.user_messages(stack_id)[0].answer == "yes, ann"


# -- Stop ------------------------------------------------------------------------------------------------


def test_a_stop_discards_what_running_agents_return(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    gate.wait_entered()
    assert stage.tell(stack_id, STOP).state is ExecutionState.STOPPED

    (cycle,) = stage.cycles(stack_id)
    assert (cycle.status, cycle.error) == (ExecutionStatus.CANCELLED, "the stack was stopped")
    nodes = stage.nodes(stack_id)
    assert nodes["first"].status is NodeStatus.COMPLETED
    assert {nodes[name].status for name in ("second", "third", "last")} == {NodeStatus.CANCELLED}
    assert cast.second.runs[0].cancelled.wait(WAIT), "the agent was not told"
    gate.open()
    until(lambda: stage.load().agents_abandoned == 0, "the end of the abandoned agent")
    stage.clock.advance(60)
    assert stage.committed(stack_id) == ["first: a"]
    assert stage.todos(stack_id)["second: b"] is TodoStatus.PENDING
    assert not cast.last.runs


def test_a_stopped_cycle_is_told_as_ended(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    gate.wait_entered()
    stage.tell(stack_id, STOP)
    ended = stage.wait_for(CycleFinished, stack_id)
    gate.open()

    (cycle,) = stage.cycles(stack_id)
    assert (ended.execution_id, ended.status, ended.decision) == (cycle.id, ExecutionStatus.CANCELLED, None)
    assert [(told.role, told.status) for told in stage.events(NodeFinished, stack_id)] == [
        ("first", NodeStatus.COMPLETED),
        *((role, NodeStatus.CANCELLED) for role in ("second", "third", "last")),
    ]


def test_the_start_after_a_stop_begins_with_new_counters_and_goes_on_numbering(set_stage):
    cast = Cast(first=fail)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.tell(stack_id, STOP)
    assert stage.stack(stack_id).failures_in_a_row == 1
    cast.first.act = finish_todo
    started = stage.tell(stack_id, START)

    assert (started.total_cycles, started.failures_in_a_row, started.fruitless_in_a_row) == (0, 0, 0)
    stage.wait_for(CycleFinished, stack_id, count=2)
    assert [(c.number, c.epoch) for c in stage.cycles(stack_id)] == [(1, 0), (2, 1)]
    assert (stage.stack(stack_id).total_cycles, stage.stack(stack_id).last_cycle) == (1, 2)


def test_a_stack_that_is_started_again_does_not_wait_for_an_agent_of_before(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), agents=1)
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.tell(stack_id, STOP)
    cast.first.act = finish_todo
    stage.tell(stack_id, START)
    stage.wait_for(CycleFinished, stack_id, count=2)
    gate.open()

    assert stage.committed(stack_id) == ["first: a"]
    assert [c.status for c in stage.cycles(stack_id)] == [
        ExecutionStatus.CANCELLED,
        ExecutionStatus.COMPLETED,
    ]


@pytest.mark.parametrize("todos", [["first: a"], ["first: a", "first: b"]], ids=["end", "next beginning"])
def test_a_stop_while_the_end_of_a_cycle_is_being_written_counts_it_once(set_stage, todos):
    # The end is committed alone, or together with the beginning of the next cycle.
    store, cast, releases = HeldStore(), Cast(), []

    def finish_and_hold(snapshot, run):
        # The look that ends the cycle comes before its commit.
        last = stage.roles["last"]
        detect = last.detect

        def detect_and_hold(*given):
            object.__setattr__(last, "detect", detect)
            release = store.hold()
            releases.append((release, store.submitted))
            return detect(*given)

        object.__setattr__(last, "detect", detect_and_hold)
        return finish_todo(snapshot, run)

    cast.first.act = finish_and_hold
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create(*todos)
    until(lambda: bool(releases), "the look after the results")
    ((release, held),) = releases
    store.wait_submitted(held + 1)
    stopped = stage.ref.ask(ControlStack(stack_id, STOP), block=False)
    stage.status(stack_id)
    cast.first.act = finish_todo
    release()
    assert stopped.get(timeout=WAIT).state is ExecutionState.STOPPED

    statuses = [cycle.status for cycle in stage.cycles(stack_id)]
    assert statuses == [ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED][: len(todos)]
    stack = stage.stack(stack_id)
    assert (stack.total_cycles, stack.current_execution_id) == (1, None)


# -- Delete ----------------------------------------------------------------------------------------------


def test_a_stack_that_is_deleted_while_its_agents_run_leaves_nothing(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    other = stage.create("third: c", name="yard")
    gate.wait_entered()
    stage.ask(DeleteStack(stack_id))
    gate.open()
    stage.wait_for(StackDeleted, stack_id)
    until(lambda: stage.load().agents_abandoned == 0, "the end of the abandoned agent")
    stage.clock.advance(60)

    assert contents(stage.store, stack_id) == []
    with pytest.raises(NotFoundError, match=stack_id):
        stage.status(stack_id)
    with pytest.raises(NotFoundError):
        stage.write_to(stack_id)
    stage.wait_for(CycleFinished, other)
    assert stage.committed(other) == ["third: c"]


@pytest.mark.parametrize("state", [None, START])
def test_a_stack_that_does_not_run_can_be_deleted_and_only_once(set_stage, state):
    stage = set_stage()
    stack_id = stage.create(start=state is not None)
    if state is not None:
        stage.wait_rest(stack_id)
    stage.ask(DeleteStack(stack_id))
    stage.wait_for(StackDeleted, stack_id)

    assert contents(stage.store, stack_id) == []
    with pytest.raises(NotFoundError, match="does not exist or was deleted"):
        stage.ask(DeleteStack(stack_id))


@pytest.mark.parametrize("stack_id", ["lost", "all", "", "x" * 600, "\udcff", "a/b"])
@pytest.mark.parametrize("ask", [DeleteStack, GetStatus, GetWork, lambda lost: ControlStack(lost, STOP)])
def test_what_is_no_stack_is_not_found(set_stage, stack_id, ask):
    stage = set_stage()
    with pytest.raises(NotFoundError, match=r"^no stack "):
        stage.ask(ask(stack_id))


# -- Whatever the state ----------------------------------------------------------------------------------


def test_commands_that_a_state_does_not_allow_say_which_would(set_stage):
    stage = set_stage()
    idle = stage.create(start=False)
    for command in (PAUSE, RESUME):
        with pytest.raises(ConflictError, match=r"is idle, nothing to \w+: start it"):
            stage.tell(idle, command)
    paused = stage.create(name="yard")
    stage.tell(paused, PAUSE)
    with pytest.raises(ConflictError, match="is paused: resume it, or stop it and start"):
        stage.tell(paused, START)
    assert stage.tell(paused, PAUSE).state is ExecutionState.PAUSED
    assert stage.tell(idle, STOP).state is ExecutionState.STOPPED
    assert stage.tell(idle, STOP).epoch == 1
    with pytest.raises(ConflictError, match="is stopped"):
        stage.tell(idle, RESUME)
    with pytest.raises(NotFoundError, match="no stack nothing"):
        stage.tell("nothing", START)
    with pytest.raises(NotFoundError, match="no stack nothing"):
        stage.ask(GetStatus("nothing"))


def test_a_refused_command_leaves_a_running_stack_alone(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    assert stage.tell(stack_id, START).state is ExecutionState.RUNNING
    assert stage.tell(stack_id, RESUME).state is ExecutionState.RUNNING
    gate.open()
    stage.wait_rest(stack_id)

    assert stage.committed(stack_id) == ["first: a"]
    assert len(cast.first.runs) == 1


def test_what_cannot_be_stored_is_refused_and_changes_nothing(set_stage):
    stage = set_stage()
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    too_much = {"pause": {"failures_allowed": 10**30}}
    with pytest.raises(InvalidInputError, match="more than 64 bits"):
        stage.ask(ConfigureStack(stack_id, too_much))
    assert stage.stack(stack_id).settings == {}
    stage.add_todo(stack_id, "first: b")
    stage.wait_rest(stack_id, 2)
    assert stage.committed(stack_id) == ["first: a", "first: b"]

    stack = new_stack("yard", stage.clock.now(), too_much)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="more than 64 bits"):
            stage.ask(CreateStack(stack))
    with pytest.raises(NotFoundError):
        stage.tell(stack.id, START)
    with pytest.raises(NotFoundError):
        stage.stack(stack.id)


def test_a_message_to_the_orchestrator_that_it_does_not_know_is_refused(set_stage):
    stage = set_stage()
    with pytest.raises(TypeError, match="Orchestrator does not understand str"):
        stage.ask("what?")
