"""A store that refuses for a while: nothing is lost, nothing is done twice, and it goes on by itself."""

import asyncio
import errno

import pytest

from recursor.actors.ledger import LedgerMeter
from recursor.actors.messages import AddTodo, CreateStack, DeleteStack, Shutdown
from recursor.domain.commands import Command
from recursor.domain.events import CycleFinished, StackChanged, Trouble
from recursor.domain.execution import ExecutionStatus
from recursor.domain.new_records import new_stack, new_todo
from recursor.domain.spending import BudgetHeldError, Spend
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.orchestration.ledger import TOTAL
from recursor.storage.budgets import read_account
from recursor.storage.commit import Commit
from recursor.storage.errors import StorageError, StorageFullError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.rollups import MERGES
from recursor.storage.tables import GRAPHS, TABLES
from tests.actors.stage import WAIT, Cast, Gate, finish_todo, until

PAUSE, RESUME, STOP, START = Command.PAUSE, Command.RESUME, Command.STOP, Command.START
FULL = StorageFullError("/data: no space left on the device: make room")
ALL = ("first: a", "second: b", "third: c", "last: d")


class RefusingStore(MemoryStore):
    """A store that refuses commits, with one error, while the test wants it to."""

    def __init__(self):
        self.error = None
        self.refuses = lambda _commit: True
        self.refusals = 0
        self.readable = True
        super().__init__(TABLES, merges=MERGES)

    def commit(self, commit, done):
        error = self.error
        if error is None or not self.refuses(commit):
            super().commit(commit, done)
        else:
            self.refusals += 1
            super().commit(Commit(), lambda _: done(error))

    def read(self):
        if not self.readable:
            raise StorageError("/data: input/output error")
        return super().read()


@pytest.fixture
def store():
    return RefusingStore()


@pytest.mark.parametrize("nth", range(4))
def test_a_full_disk_in_any_step_of_a_cycle_loses_nothing(set_stage, store, nth):
    # The beginning, and the results of three waves, the last with the end.
    cast, commits = Cast(), []
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create(*ALL, start=False)

    def refuses(commit):
        commits.append(commit)
        # The command is the first of the stack's commits.
        return len(commits) >= nth + 2

    store.error, store.refuses = FULL, refuses
    stage.tell(stack_id, START)
    trouble = stage.wait_for(Trouble, stack_id)
    assert trouble.problem == str(FULL)
    assert stage.status(stack_id).trouble == str(FULL)
    runs = len(cast.runs())

    def time_passes_until(reached):
        # In steps, because the next try is set only when the last has been refused.
        def tried():
            stage.clock.advance(5.1)
            return reached()

        until(tried, "another try")

    for _ in range(3):
        before = store.refusals
        time_passes_until(lambda before=before: store.refusals > before)
    assert len(cast.runs()) == runs

    store.error = None
    time_passes_until(lambda: stage.waits(stack_id) > 0)
    assert sorted(stage.committed(stack_id)) == sorted(ALL)
    assert sorted(cast.runs()) == ["first", "last", "second", "third"]
    assert [cycle.status for cycle in stage.cycles(stack_id)] == [ExecutionStatus.COMPLETED]
    assert stage.status(stack_id).trouble is None


def test_a_command_that_finds_no_room_tells_so_and_changes_nothing(set_stage, store):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create("first: a", "second: b")
    idle = stage.create(name="yard", start=False)
    gate.wait_entered()
    store.error = FULL
    with pytest.raises(StorageFullError, match="make room"):
        stage.tell(stack_id, PAUSE)
    with pytest.raises(StorageFullError):
        stage.ask(AddTodo(new_todo(stack_id, "first: b", 3, stage.clock.now())))
    with pytest.raises(StorageFullError):
        stage.tell(idle, START)
    with pytest.raises(StorageFullError):
        stage.ask(CreateStack(new_stack("park", stage.clock.now())))
    store.error = None
    gate.open()
    stage.wait_for(CycleFinished, stack_id)

    assert stage.stack(stack_id).state is ExecutionState.RUNNING
    assert stage.stack(idle).state is ExecutionState.IDLE
    assert stage.committed(stack_id) == ["first: a", "second: b"]


def test_a_stack_that_could_not_be_stored_can_be_created_again_at_once(set_stage, store):
    stage = set_stage(store=store)
    for number in range(20):
        create = CreateStack(new_stack(f"park {number}", stage.clock.now()))
        store.error = FULL
        with pytest.raises(StorageFullError):
            stage.ask(create)
        store.error = None
        assert stage.ask(create) == create.stack
        assert stage.stack(create.stack_id) == create.stack


@pytest.mark.parametrize("command", [STOP, None], ids=["stop", "delete"])
def test_a_stop_or_a_deletion_that_finds_no_room_repeats_what_ran(set_stage, store, command):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create("first: a")
    gate.wait_entered()
    store.error = FULL
    with pytest.raises(StorageFullError):
        stage.ask(DeleteStack(stack_id)) if command is None else stage.tell(stack_id, command)
    store.error = None

    def begun_again() -> bool:
        # It may have found no room for a second time, and wait to try again.
        stage.clock.advance(6)
        return gate.entered_again()

    until(begun_again, "the second attempt")
    gate.open()
    stage.wait_for(CycleFinished, stack_id)

    assert stage.stack(stack_id).state is ExecutionState.RUNNING
    assert [run.attempt for run in cast.first.runs] == [1, 2]
    assert stage.committed(stack_id) == ["first: a"]


def test_a_pause_that_is_written_when_there_is_room_again_holds(set_stage, store):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create("first: a", "second: b")
    gate.wait_entered()
    store.error = FULL
    gate.open()
    stage.wait_for(Trouble, stack_id)
    store.error = None
    stage.tell(stack_id, PAUSE)
    stage.clock.advance(6)
    until(lambda: stage.committed(stack_id) == ["first: a"], "the commit of what had run")
    stage.clock.advance(60)
    stage.status(stack_id)
    assert not cast.second.runs
    stage.tell(stack_id, RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a", "second: b"]


@pytest.mark.parametrize(
    "error", [RuntimeError("a gremlin"), OSError(errno.EIO, "input/output error"), StorageError("odd")]
)
def test_an_error_that_nobody_foresaw_pauses_a_stack_as_soon_as_that_can_be_written(set_stage, store, error):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create("first: a")
    gate.wait_entered()
    store.error = error
    gate.open()
    trouble = stage.wait_for(Trouble, stack_id)
    assert str(error) in trouble.problem
    before = store.refusals
    # It does not turn as fast as it can.
    for _ in range(3):
        stage.load()
    assert store.refusals < before + 50
    store.error = None
    cast.first.act = finish_todo
    until(lambda: (stage.clock.advance(5.1), bool(stage.cycles(stack_id)[0].finished_at))[1], "the end")

    assert set(stage.todos(stack_id).values()) == {TodoStatus.COMPLETED}
    assert stage.committed(stack_id) == ["first: a"]
    assert stage.ref.is_alive()


def test_an_error_in_one_stacks_commits_only_pauses_that_stack(set_stage, store):
    stage = set_stage(store=store)
    stack_id, other = stage.create("first: a", start=False), stage.create("first: a", start=False)

    def refuses(commit):
        # A stack that is paused is written: its record alone.
        beginning = any(table == GRAPHS.name for table, _, _ in commit.writes)
        return beginning and commit.fence.owner == stack_id

    store.error, store.refuses = RuntimeError("a gremlin"), refuses
    stage.tell(stack_id, START)
    stage.tell(other, START)
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)
    assert paused.reason == "its supervisor died 6 times; the last: RuntimeError: a gremlin"
    stage.wait_for(CycleFinished, other)
    assert stage.committed(other) == ["first: a"]


@pytest.mark.parametrize("passivated", [True, False])
def test_a_store_that_cannot_be_read_for_a_while_ends_nothing(set_stage, store, passivated):
    stage = set_stage(store=store)
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    if passivated:
        until(lambda: (stage.clock.advance(5), stage.load().active_stacks == 0)[1], "the passivation")
    store.readable = False
    if passivated:
        stage.clock.advance(31)
        assert stage.wait_for(Trouble, stack_id).problem == "/data: input/output error"
    for asked in (stage.status, stage.write_to):
        with pytest.raises(StorageError, match="input/output"):
            asked("another")
    with pytest.raises(StorageError, match="input/output"):
        stage.write_to(stack_id)
    store.readable = True
    if passivated:
        stage.clock.advance(6)
        stage.wait_rest(stack_id, 2)
    stage.add_todo(stack_id, "first: a")
    stage.wait_for(CycleFinished, stack_id)

    assert stage.committed(stack_id) == ["first: a"]
    assert stage.user_messages(stack_id) == []
    assert stage.status(stack_id).trouble is None


def test_a_shutdown_while_the_disk_is_full_ends_with_its_grace_and_loses_nothing_on_disk(set_stage, store):
    cast = Cast()
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create("first: a", "second: b", start=False)
    gate = Gate()
    cast.first.act = gate
    stage.tell(stack_id, START)
    gate.wait_entered()
    store.error = FULL
    gate.open()
    stage.wait_for(Trouble, stack_id)
    down = stage.ref.ask(Shutdown(grace=7), block=False)
    stage.load()
    stage.clock.advance(8)
    assert down.get(timeout=WAIT) is False
    store.error = None
    cast.first.act = finish_todo
    stage.start()
    until(lambda: len(stage.committed(stack_id)) == 2, "the rest of the cycle")
    assert stage.committed(stack_id) == ["first: a", "second: b"]
    assert [run.attempt for run in cast.first.runs] == [1, 2]


# -- The books -------------------------------------------------------------------------------------------


def account(stage, stack_id):
    with stage.store.read() as reader:
        return read_account(reader, stack_id, TOTAL)


def test_a_call_that_cannot_be_put_on_the_books_is_not_made_and_costs_nothing(set_stage, store):
    stage = set_stage(store=store)
    stack_id = stage.create(start=False, settings={"budget": {"tokens": 100}})
    meter = LedgerMeter(stage.ref._actor_weakref()._environment.ledger, stack_id, "first")
    most = Spend(tokens=80)
    store.error = FULL
    with pytest.raises(StorageFullError):
        asyncio.run(meter.reserve(most))
    store.error = None
    # What was refused keeps nothing from others.
    reservation = asyncio.run(meter.reserve(most))
    with pytest.raises(BudgetHeldError):
        asyncio.run(meter.reserve(most))
    store.error = FULL
    with pytest.raises(StorageFullError):
        asyncio.run(meter.settle(reservation, Spend(tokens=5)))
    store.error = None
    asyncio.run(meter.settle(reservation, Spend(tokens=5)))
    assert account(stage, stack_id).spent == Spend(tokens=5)
    assert account(stage, stack_id).reserved == Spend()


def test_a_call_that_was_under_way_when_the_process_ended_counts_in_full(set_stage, store):
    stage = set_stage(store=store)
    stack_id = stage.create(start=False)
    meter = LedgerMeter(stage.ref._actor_weakref()._environment.ledger, stack_id, "first")
    asyncio.run(meter.reserve(Spend(tokens=80)))
    assert account(stage, stack_id).spent == Spend()
    stage.crash()
    stage.start()
    until(lambda: account(stage, stack_id).spent == Spend(tokens=80), "the settling")
    assert (account(stage, stack_id).unconfirmed, account(stage, stack_id).reserved) == (1, Spend())


def test_what_a_dead_process_reserved_is_settled_when_there_is_room_again(set_stage, store):
    stage = set_stage(store=store)
    stack_id = stage.create(start=False)
    meter = LedgerMeter(stage.ref._actor_weakref()._environment.ledger, stack_id, "first")
    asyncio.run(meter.reserve(Spend(tokens=80)))
    stage.crash()
    store.error = FULL
    stage.start()
    until(lambda: stage.clock.next_due() is not None, "the wait for room")
    assert account(stage, stack_id).reserved == Spend(tokens=80)
    store.error = None
    stage.clock.advance(stage.runner.storage_retry)
    until(lambda: account(stage, stack_id).spent == Spend(tokens=80), "the settling")
    assert account(stage, stack_id).reserved == Spend()


def test_a_call_that_is_settled_while_the_disk_is_full_is_settled_when_there_is_room_again(set_stage, store):
    stage = set_stage(store=store)
    stack_id = stage.create(start=False)
    meter = LedgerMeter(stage.ref._actor_weakref()._environment.ledger, stack_id, "first")
    reservation = asyncio.run(meter.reserve(Spend(tokens=80)))
    store.error = FULL
    with pytest.raises(StorageFullError):
        asyncio.run(meter.settle(reservation, Spend(tokens=5)))
    store.error = None

    def settled() -> bool:
        stage.clock.advance(5.1)
        return account(stage, stack_id).spent == Spend(tokens=5)

    until(settled, "the settling")
    assert account(stage, stack_id).reserved == Spend()
