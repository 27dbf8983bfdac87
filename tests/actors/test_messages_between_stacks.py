"""A message from one stack to another arrives once, whatever dies or vanishes on its way."""

import threading

import pytest

from recursor.actors.messages import DeleteStack, SendStackMessage
from recursor.domain.commands import Command
from recursor.domain.effect import SendMessage
from recursor.domain.events import CycleFinished
from recursor.domain.new_records import new_message
from recursor.domain.todo import TodoStatus
from recursor.storage.errors import StorageFullError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.rollups import MERGES
from recursor.storage.tables import BROADCASTS, MESSAGES, OUTBOX, TABLES
from tests.actors.stage import WAIT, Cast, Gate, answer, finish_todo, outcome, until


class DyingStore(MemoryStore):
    """A store of a process that dies at some commit: that one is lost, and so are all after it."""

    def __init__(self):
        self._dies_at = None
        self._refuses = None
        self._holds = None
        self.held = threading.Event()
        self.died = threading.Event()
        super().__init__(TABLES, merges=MERGES)

    def die_at(self, concerns):
        """Die at the next commit that `concerns` says so of."""
        self._dies_at = concerns

    def refuse(self, concerns):
        """Have no room for the next commit that `concerns` says so of."""
        self._refuses = concerns

    def hold(self, concerns):
        """Write the next commit that `concerns` says so of not before `end_held`."""
        self._holds = concerns

    def end_held(self, error):
        self._done(error)

    def revive(self):
        self._dies_at = None
        self.died.clear()

    def commit(self, commit, done):
        if self._dies_at is not None and self._dies_at(commit):
            self.died.set()
        if self._refuses is not None and self._refuses(commit):
            self._refuses = None
            done(StorageFullError("no space left"))
        elif self._holds is not None and self._holds(commit):
            self._holds, self._done = None, done
            self.held.set()
        elif not self.died.is_set() or not len(commit):
            super().commit(commit, done)


def writes(table, owner=None):
    """Return whether a commit stores something in a table, for an owner or for nobody."""
    return lambda commit: (
        (None if commit.fence is None else commit.fence.owner) == owner
        and any(name == table and value is not None for name, _, value in commit.writes)
    )


def removes(table, owner):
    """Return whether a commit removes something from a table."""
    return lambda commit: (
        commit.fence is not None
        and commit.fence.owner == owner
        and any(name == table and value is None for name, _, value in commit.writes)
    )


def messages(stage, stack_id):
    with stage.store.read() as reader:
        return list(MESSAGES.scan(reader, stack_id))


def outbox(stage):
    with stage.store.read() as reader:
        return [key for key, _ in reader.scan(OUTBOX)]


def read_by(cast, stack_id):
    """Return what the communicator of a stack has read, run by run."""
    return [
        message.content
        for snapshot in cast.communicator.snapshots
        if snapshot.stack.id == stack_id
        for message in snapshot.messages
    ]


@pytest.fixture
def store():
    return DyingStore()


@pytest.fixture
def two(set_stage, store):
    """Sets a stage with two stacks at rest: the first writes to the second, or to all, when it has a todo."""

    def set_it(direct=True):
        def write(snapshot, run):
            hello = SendMessage(to_stack_id=receiver if direct else None, content="hello")
            return outcome(*finish_todo(snapshot, run).effects, hello, summary="wrote")

        cast = Cast(first=write)
        stage = set_stage(cast.roles(), store=store)
        sender, receiver = stage.create(name="yard"), stage.create()
        for stack_id in (sender, receiver):
            stage.wait_rest(stack_id)
        return stage, cast, sender, receiver

    return set_it


STEPS = {
    "before the sender's commit": lambda sender, _receiver, _direct: writes(OUTBOX, sender),
    "before the receiver's commit": lambda _sender, receiver, direct: (
        writes(MESSAGES.name, receiver) if direct else writes(MESSAGES.name)
    ),
    "before the sender knows": lambda sender, _receiver, _direct: removes(OUTBOX, sender),
}


@pytest.mark.parametrize("direct", [True, False], ids=["to one", "to all"])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_it_arrives_once_whenever_the_process_dies(two, store, step, direct):
    stage, cast, sender, receiver = two(direct)
    store.die_at(step(sender, receiver, direct))
    stage.add_todo(sender, "first: a")
    assert store.died.wait(WAIT), "the commit did not come"
    stage.crash()
    store.revive()
    stage.start()

    until(lambda: "answered" in stage.committed(receiver), "the reading")
    until(lambda: not outbox(stage), "the sender's knowledge")
    until(lambda: "wrote" in stage.committed(sender), "the sender's commit")
    assert len(messages(stage, receiver if direct else BROADCASTS)) == 1
    # An agent whose run died with the process has run again.
    assert set(read_by(cast, receiver)) == {"hello"}
    assert stage.committed(sender) == ["wrote"]
    assert stage.committed(receiver) == ["answered"]


@pytest.mark.parametrize("direct", [True, False], ids=["to one", "to all"])
def test_it_is_brought_again_when_there_was_no_room_for_it(two, store, direct):
    stage, cast, sender, receiver = two(direct)
    store.refuse(STEPS["before the receiver's commit"](sender, receiver, direct))
    stage.add_todo(sender, "first: a")
    stage.wait_for(CycleFinished, sender)
    until(lambda: (stage.clock.advance(1), "answered" in stage.committed(receiver))[1], "the reading")
    assert read_by(cast, receiver) == ["hello"]
    until(lambda: not outbox(stage), "the sender's knowledge")


def test_to_a_stack_that_is_deleted_meanwhile_it_goes_nowhere(two, store):
    stage, _, sender, receiver = two()
    store.die_at(writes(MESSAGES.name, receiver))
    stage.add_todo(sender, "first: a")
    assert store.died.wait(WAIT)
    stage.crash()
    store.revive()
    stage.start(runs=False)
    stage.ask(DeleteStack(receiver))
    stage.crash()
    stage.start()
    until(lambda: not outbox(stage), "the sender's knowledge")
    assert messages(stage, receiver) == []


def test_it_arrives_where_a_deletion_finds_no_room(two, store):
    stage, _, sender, receiver = two()
    store.hold(lambda commit: commit.fence is not None and commit.fence.owner == receiver)
    deletion = stage.ref.ask(DeleteStack(receiver), block=False)
    assert store.held.wait(WAIT)
    stage.add_todo(sender, "first: a")
    stage.wait_for(CycleFinished, sender)
    # It has come to the receiver before this has.
    stage.status(receiver)
    assert len(outbox(stage)) == 1
    store.end_held(StorageFullError("no space left"))
    with pytest.raises(StorageFullError):
        deletion.get(timeout=WAIT)
    until(lambda: (stage.clock.advance(1), "answered" in stage.committed(receiver))[1], "the reading")
    until(lambda: not outbox(stage), "the sender's knowledge")


def test_a_stack_that_was_written_to_by_one_that_is_gone_goes_on(set_stage):
    """B is paused; S writes to B; S is deleted; B resumes."""

    def reply(snapshot, run):
        replies = [
            SendMessage(to_stack_id=message.from_stack_id, content="thanks") for message in snapshot.messages
        ]
        return outcome(*replies, *answer(snapshot, run).effects, summary="answered")

    stage = set_stage(Cast(communicator=reply).roles())
    s, b = stage.create(name="s"), stage.create("first: a", name="b", start=False)
    stage.wait_rest(s)
    stage.tell(b, Command.START)
    stage.wait_rest(b)
    stage.tell(b, Command.PAUSE)
    stage.ask(SendStackMessage(new_message(stage.stack(s), b, "hello", stage.clock.now())))
    stage.ask(DeleteStack(s))
    stage.tell(b, Command.RESUME)
    stage.wait_for(CycleFinished, b, count=2)

    assert stage.cycles(b)[-1].status == "completed"
    trace = stage.traces(b)[-1]
    assert trace.metadata["dropped"] == [f"send_message: there is no stack {s}"]
    assert [message.read_at is not None for message in messages(stage, b)] == [True]
    assert stage.stack(b).failures_in_a_row == 0
    stage.add_todo(b, "first: b")
    stage.wait_for(CycleFinished, b, count=3)
    assert stage.todos(b)["first: b"] is TodoStatus.COMPLETED


def test_a_receiver_that_is_deleted_while_an_agent_writes_to_it_holds_nobody_up(set_stage):
    def write(snapshot, run):
        hello = SendMessage(to_stack_id=other, content="hello")
        return outcome(hello, *finish_todo(snapshot, run).effects, summary="wrote")

    gate = Gate(write)
    stage = set_stage(Cast(first=gate).roles())
    other = stage.create(name="yard", start=False)
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.ask(DeleteStack(other))
    gate.open()
    stage.wait_for(CycleFinished, stack_id)

    assert stage.todos(stack_id)["first: a"] is TodoStatus.COMPLETED
    assert stage.traces(stack_id)[0].metadata["dropped"] == [f"send_message: there is no stack {other}"]


# -- To all ----------------------------------------------------------------------------------------------


def broadcast(stage, content, sender=None, **fields):
    """Have a stack that nobody knows of write to all."""
    sender = sender or stage.stack(stage.create(name="third", start=False))
    message = new_message(sender, None, content, stage.clock.now()).but(**fields)
    return stage.ask(SendStackMessage(message))


def test_a_broadcast_that_is_sent_twice_is_stored_once(two):
    stage, cast, sender, receiver = two()
    message = new_message(stage.stack(sender), None, "hello", stage.clock.now())
    assert stage.ask(SendStackMessage(message)) == stage.ask(SendStackMessage(message)) == message
    stage.wait_for(CycleFinished, receiver)
    stage.status(receiver)
    assert stage.ask(SendStackMessage(message)) == message
    assert messages(stage, BROADCASTS) == [message]
    assert read_by(cast, receiver) == ["hello"]
    assert stage.committed(sender) == []


def test_a_broadcast_that_was_overtaken_is_still_read(two):
    """Made first and stored last, it must not stand before the place that others have read up to."""
    stage, cast, sender, receiver = two()
    slow = new_message(stage.stack(sender), None, "slow", stage.clock.now())
    quick = broadcast(stage, "quick", stage.stack(sender))
    stage.wait_for(CycleFinished, receiver)
    assert stage.stack(receiver).broadcasts_read == quick.id
    stored = stage.ask(SendStackMessage(slow))
    assert stored.id > quick.id
    stage.wait_for(CycleFinished, receiver, count=2)
    assert read_by(cast, receiver) == ["quick", "slow"]
    # Its sender does not know of its other id.
    assert stage.ask(SendStackMessage(slow)) == stored


def test_a_broadcast_from_before_a_clock_was_put_back_does_not_hide_the_next(two):
    stage, cast, sender, receiver = two()
    future = broadcast(stage, "from the future", stage.stack(sender), id="f" * 31 + "0")
    assert broadcast(stage, "now", stage.stack(sender)).id == "f" * 31 + "1"
    assert broadcast(stage, "later", stage.stack(sender)).id > future.id
    until(lambda: len(read_by(cast, receiver)) >= 3, "the reading")
    until(lambda: stage.stack(receiver).broadcasts_read == "f" * 31 + "2", "the place")


def test_a_broadcast_from_before_a_stack_was_made_is_not_for_it(two):
    stage, cast, sender, _ = two()
    broadcast(stage, "old", stage.stack(sender))
    late = stage.create(name="late")
    stage.wait_rest(late)
    broadcast(stage, "new", stage.stack(sender))
    stage.wait_for(CycleFinished, late)
    assert read_by(cast, late) == ["new"]
