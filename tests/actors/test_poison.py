"""Records that cannot be read: their stack is paused with a reason that names them, and nobody else's."""

import pytest

from recursor.actors.messages import AddTodo, ConfigureStack, DeleteStack, Repair, SendStackMessage
from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import CycleFinished, StackChanged, Trouble
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_message, new_todo
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError
from recursor.storage.opening import open_store
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    EXECUTIONS,
    FENCES,
    GRAPHS,
    HOURS,
    IDEAS,
    MESSAGES,
    MINUTES,
    STACKS,
    STATES,
    TODOS,
    TRACES,
    USER_MESSAGES,
    WORK,
)
from tests.actors.stage import Cast, Gate, Stage, finish_todo, until

KEY = "0" * 32
RESUME, STOP, START = Command.RESUME, Command.STOP, Command.START


def passivate(stage: Stage) -> None:
    """Have every stack read anew by the next one who wants something of it."""
    until(lambda: (stage.clock.advance(11), stage.load().active_stacks == 0)[1], "the passivation")


def write(stage: Stage, change) -> None:
    """Write past the owners, as damage does."""
    commit = Commit()
    change(commit)
    stage.store.write(commit)


def paused(stage: Stage, stack_id: str):
    return stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (IDEAS.name, "{}"),
        (STATES.name, "{}/first"),
        (TODOS.name, "{}/0/" + KEY),
        (MESSAGES.name, "{}/0/" + KEY),
        (USER_MESSAGES.name, "{}/0/" + KEY),
        (ARTIFACTS.name, "{}/00000001"),
    ],
)
@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_a_record_that_a_stack_needs_pauses_it(set_stage, tmp_path, kind, table, key):
    store = open_store(tmp_path / "store") if kind == "lmdb" else None
    stage = set_stage(store=store)
    stack_id, other = stage.create(), stage.create(name="yard")
    stage.wait_rest(stack_id)
    stage.wait_rest(other)
    bad = key.format(stack_id)
    passivate(stage)
    stage.poison(table, bad.encode())
    stage.add_todo(stack_id, "first: a")
    stage.add_todo(other, "first: a")

    reason = paused(stage, stack_id).reason
    assert table in reason
    assert bad in reason
    assert reason.endswith("restore it from a backup, or see `recursor doctor`")
    assert stage.stack(stack_id).state_reason == reason
    assert stage.status(stack_id).trouble == reason
    stage.wait_for(CycleFinished, other)
    assert stage.committed(other) == ["first: a"]

    # A resume tries again; when the record is as it should be, that is that.
    stage.tell(stack_id, RESUME)
    stage.wait_for(StackChanged, stack_id, count=4, where=lambda e: e.state is not ExecutionState.IDLE)
    assert stage.stack(stack_id).state is ExecutionState.PAUSED
    write(stage, lambda commit: commit.delete(table, bad.encode()))
    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a"]


@pytest.mark.parametrize(("table", "key"), [(IDEAS.name, "{}"), (TODOS.name, "{}/0/" + KEY)])
def test_a_paused_stack_goes_on_without_its_unreadable_records(set_stage, table, key):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    bad = key.format(stack_id).encode()
    passivate(stage)
    stage.poison(table, bad)
    damaged = Repair(stack_id, ((table, bad), (STATES.name, f"{stack_id}/first".encode())))
    stage.add_todo(stack_id, "first: a")
    paused(stage, stack_id)

    assert stage.ask(damaged) == ((table, bad),)
    assert stage.ask(damaged) == ()
    # What is done to it before it is read anew is not lost.
    stage.add_todo(stack_id, "first: b")
    stage.tell(stack_id, RESUME)

    stage.wait_for(CycleFinished, stack_id)
    until(lambda: sorted(stage.committed(stack_id)) == ["first: a", "first: b"], "both todos")


def test_a_stack_that_may_run_is_not_repaired(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    bad = f"{stack_id}/1".encode()
    stage.poison(TRACES.name, bad)
    with pytest.raises(ConflictError, match="garden is running: pause it, then repair it"):
        stage.ask(Repair(stack_id, ((TRACES.name, bad),)))
    with pytest.raises(NotFoundError):
        stage.ask(Repair("f" * 16, ()))


@pytest.mark.parametrize("table", [EXECUTIONS.name, GRAPHS.name])
def test_an_interrupted_cycle_that_cannot_be_read_pauses_its_stack(set_stage, table):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.crash()
    gate.open()
    cast.first.act = finish_todo
    bad = f"{stack_id}/{stage.cycles(stack_id)[0].id}".encode()
    with stage.store.read() as reader:
        sound = reader.get(table, bad)
    stage.poison(table, bad)
    stage.start()

    for _ in range(2):
        # Nobody may have been listening yet when the first look paused it.
        until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "the pause")
        reason = stage.stack(stack_id).state_reason
        assert table in reason
        assert bad.decode() in reason
        stage.tell(stack_id, RESUME)
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "the pause")
    assert len(cast.first.runs) == 1

    # With the record restored, the cycle is gone on with.
    stage.poison(table, bad, sound)
    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert [c.status for c in stage.cycles(stack_id)] == [ExecutionStatus.COMPLETED]
    assert [run.attempt for run in cast.first.runs] == [1, 2]


@pytest.mark.parametrize("table", [EXECUTIONS.name, GRAPHS.name])
def test_a_stack_whose_cycle_cannot_be_read_can_be_stopped_and_started(set_stage, table):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.crash()
    gate.open()
    cast.first.act = finish_todo
    bad = f"{stack_id}/{stage.cycles(stack_id)[0].id}".encode()
    stage.poison(table, bad)
    stage.start()
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "the pause")
    assert stage.tell(stack_id, STOP).state is ExecutionState.STOPPED
    stage.tell(stack_id, START)
    stage.wait_for(CycleFinished, stack_id, where=lambda e: e.status is ExecutionStatus.COMPLETED)

    assert stage.committed(stack_id) == ["first: a"]
    if table == GRAPHS.name:
        assert [cycle.status.value for cycle in stage.cycles(stack_id)] == ["cancelled", "completed"]


@pytest.mark.parametrize(
    ("table", "key"), [(EXECUTIONS.name, "{}/{}"), (GRAPHS.name, "{}/{}"), (STACKS.name, "{}")]
)
def test_what_becomes_unreadable_while_a_cycle_runs_does_not_stop_it(set_stage, table, key):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "second: b")
    gate.wait_entered()
    stage.poison(table, key.format(stack_id, stage.cycles(stack_id)[0].id).encode())
    gate.open()
    stage.wait_for(CycleFinished, stack_id)

    assert stage.stack(stack_id).total_cycles == 1
    assert stage.committed(stack_id) == ["first: a", "second: b"]
    assert stage.cycles(stack_id)[0].status is ExecutionStatus.COMPLETED


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (WORK.name, "{}"),
        (TRACES.name, "{}/" + KEY),
        (FENCES, "{}"),
        (MINUTES, "{}/000028333333"),
        (HOURS, "{}/000000472222"),
        (MESSAGES.name, BROADCASTS + "/0/" + KEY),
    ],
)
@pytest.mark.parametrize("value", [b"\xc1 not a record", b"", b"\xff\xfe"], ids=["garbage", "empty", "bytes"])
def test_what_no_cycle_needs_stops_nobody(set_stage, table, key, value):
    stage = set_stage()
    stack_id, other = stage.create(), stage.create(name="yard")
    stage.wait_rest(stack_id)
    stage.wait_rest(other)
    stage.poison(table, key.format(stack_id).encode(), value)
    stage.add_todo(stack_id, "first: a")
    stage.add_todo(other, "first: a")
    for each in (stack_id, other):
        stage.wait_for(CycleFinished, each)
        assert set(stage.todos(each).values()) == {TodoStatus.COMPLETED}

    # Neither does it keep the next orchestrator from starting, nor a broadcast from arriving.
    stage.clock.advance(6)
    stage.load()
    stage.crash()
    stage.start()
    sender = stage.stack(other)
    stage.ask(SendStackMessage(new_message(sender, None, "hello all", stage.clock.now())))
    stage.wait_for(CycleFinished, stack_id, count=2)
    assert stage.nodes(stack_id)["communicator"].status is NodeStatus.COMPLETED
    assert stage.ref.is_alive()


@pytest.mark.parametrize("moment", ["asleep", "at the start"])
def test_a_stack_whose_own_record_cannot_be_read_stands_still_and_can_be_deleted(set_stage, moment):
    stage = set_stage()
    other, stack_id = stage.create("third: c", name="yard"), stage.create()
    stage.wait_rest(other)
    stage.wait_rest(stack_id)
    if moment == "at the start":
        stage.crash()
        stage.poison(STACKS.name, stack_id.encode())
        stage.start()
        with pytest.raises(CorruptRecordError, match=stack_id):
            stage.tell(stack_id, STOP)
    else:
        passivate(stage)
        stage.poison(STACKS.name, stack_id.encode())
        stage.clock.advance(30)
    trouble = stage.wait_for(Trouble, stack_id, where=lambda e: STACKS.name in e.problem)
    assert stack_id in trouble.problem

    # It costs nothing: no loop, and in the end no actors.
    passivate(stage)
    told = len(stage.events(Trouble, stack_id))
    stage.clock.advance(1000)
    stage.load()
    assert len(stage.events(Trouble, stack_id)) == told < 10
    with pytest.raises(CorruptRecordError, match=stack_id):
        stage.status(stack_id)
    with pytest.raises(CorruptRecordError, match=stack_id):
        stage.tell(stack_id, STOP)
    with pytest.raises(CorruptRecordError, match=stack_id):
        stage.ask(AddTodo(new_todo(stack_id, "first: b", 3, stage.clock.now())))
    stage.add_todo(other, "third: d")
    stage.wait_for(CycleFinished, other, count=2)

    stage.ask(DeleteStack(stack_id))
    with pytest.raises(NotFoundError):
        stage.status(stack_id)


def test_a_setting_that_this_version_does_not_know_pauses_its_stack(set_stage):
    stage = set_stage()
    stack_id = stage.create("first: a", start=False)
    old = stage.stack(stack_id).but(settings={"pause": {"for_tea": 5}})
    passivate(stage)
    write(stage, lambda commit: STACKS.put(commit, old))
    stage.tell(stack_id, START)

    assert "pause.for_tea" in paused(stage, stack_id).reason
    assert len(stage.events(Trouble, stack_id)) == 1
    stage.tell(stack_id, RESUME)
    stage.wait_for(Trouble, stack_id, count=2)
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "the second pause")
    stage.ask(ConfigureStack(stack_id, {"pause": {"for_tea": None}}))
    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)
