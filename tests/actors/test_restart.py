"""Another orchestrator on the same store goes on where the last one was, however that ended."""

import pytest

from recursor.actors.messages import ConfigureStack, ControlStack, Shutdown
from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError
from recursor.domain.events import CycleFinished, StackWaits
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_message, new_todo, new_user_message
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.storage import conversations
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.nudges import leave_nudge
from recursor.storage.stacks import control_stack, delete_stack
from recursor.storage.tables import BROADCASTS, STACKS, TABLES
from tests.actors.stage import WAIT, Cast, Gate, HeldStore, Stage, fail, finish_todo, role, until

ALL = ("first: a", "second: b", "third: c", "last: d")
WAVES = {"first": 0, "second": 1, "third": 1, "last": 2}


def finished(stage: Stage, stack_id: str) -> bool:
    return all(cycle.finished_at for cycle in stage.cycles(stack_id)) and len(stage.committed(stack_id)) >= 4


# -- In the middle of a cycle ----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["stopped", "shut down, not in time", "killed in its grace"])
@pytest.mark.parametrize("where", ["first", "second", "last"])
@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_committed_nodes_are_not_run_again_and_the_others_are(set_stage, tmp_path, kind, where, ending):
    store = LmdbStore(tmp_path / "store", TABLES) if kind == "lmdb" else None
    gate, cast = Gate(), Cast()
    cast.players()[where].act = gate
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create(*ALL)
    gate.wait_entered()
    if where == "second":
        until(lambda: bool(cast.third.runs), "the other agent of the wave")
    if ending == "shut down, not in time":
        down = stage.ref.ask(Shutdown(grace=3), block=False)
        stage.load()
        stage.clock.advance(4)
        assert down.get(timeout=WAIT) is False
    elif ending == "killed in its grace":
        stage.ref.ask(Shutdown(grace=1000), block=False)
        stage.load()
        stage.crash()
    else:
        stage.crash()
    (cycle,) = stage.cycles(stack_id)
    assert cycle.status is ExecutionStatus.RUNNING
    before = stage.committed(stack_id)

    cast.players()[where].act = finish_todo
    stage.start()
    gate.open()
    until(lambda: finished(stage, stack_id), "the rest of the cycle")
    assert sorted(stage.committed(stack_id)) == sorted(ALL)
    assert stage.committed(stack_id)[: len(before)] == before
    (cycle,) = stage.cycles(stack_id)
    assert cycle.status is ExecutionStatus.COMPLETED
    attempts = {name: [run.attempt for run in player.runs] for name, player in cast.players().items()}
    interrupted = [name for name, wave in WAVES.items() if wave == WAVES[where]]
    assert attempts == {name: [1, 2] if name in interrupted else [1] for name in WAVES} | {"communicator": []}
    assert {node.attempts for node in stage.nodes(stack_id).values()} <= {1, 2}


def test_a_shutdown_waits_for_agents_that_run_and_commits_what_they_did(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = cast.third.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    idle = stage.create(name="yard")
    gate.wait_entered()
    gate.wait_entered()
    down = stage.ref.ask(Shutdown(grace=1000), block=False)
    with pytest.raises(ConflictError, match="shutting down already"):
        stage.ask(Shutdown())
    # Until it has ended it answers, and what is written is kept.
    assert len(stage.status(stack_id).running) == 2
    stage.write_to(idle)
    gate.open()
    assert down.get(timeout=WAIT) is True
    assert sorted(stage.committed(stack_id)) == ["first: a", "second: b", "third: c"]
    assert not cast.last.runs
    assert not cast.communicator.runs
    assert stage.nodes(stack_id)["last"].status is NodeStatus.PENDING

    stage.start()
    until(lambda: finished(stage, stack_id), "the rest of the cycle")
    assert [run.attempt for run in cast.last.runs] in ([1], [2])
    assert sorted(cast.runs()) == ["communicator", "first", "last", "second", "third"]
    until(lambda: stage.user_messages(idle)[0].answer is not None, "the answer")


def test_a_shutdown_with_nothing_to_do_takes_no_time(set_stage):
    stage = set_stage()
    stage.wait_rest(stage.create())
    assert stage.shut_down(grace=1000) is True


@pytest.mark.parametrize("step", range(6))
def test_a_death_between_any_two_commits_loses_nothing_and_repeats_nothing(set_stage, step):
    # The store takes only so many commits before the end: of start, beginning, three waves, end.
    store, cast = HeldStore(), Cast()
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create(*ALL, start=False)
    usual, taken, held = store.submit, [], []

    def submit(work):
        taken.append(work)
        if len(taken) == step + 1:
            held.append(store.hold_with(usual))
        return usual(work)

    store.submit = submit
    stage.ref.ask(ControlStack(stack_id, Command.START), block=False)
    until(lambda: bool(held), "the commit to be held")
    store.submit = usual
    ended = stage.ref.stop(block=False)
    held[0]()
    ended.get(timeout=WAIT)
    stage.start()
    until(lambda: finished(stage, stack_id), "all work")

    assert sorted(stage.committed(stack_id)) == sorted(ALL)
    assert [cycle.status for cycle in stage.cycles(stack_id)] == [ExecutionStatus.COMPLETED]


def test_a_cycle_that_was_interrupted_in_a_paused_stack_waits_for_its_resume(set_stage):
    gate, cast = Gate(), Cast()
    cast.second.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    gate.wait_entered()
    stage.tell(stack_id, Command.PAUSE)
    stage.crash()
    cast.second.act = finish_todo
    stage.start()
    gate.open()

    def rests() -> bool:
        stage.clock.advance(100)
        return stage.load().active_stacks == 0

    until(rests, "the rest of the paused stack")
    assert not cast.last.runs
    stage.tell(stack_id, Command.RESUME)
    stage.wait_for(CycleFinished, stack_id)

    assert sorted(stage.committed(stack_id)) == sorted(ALL)
    assert len(stage.cycles(stack_id)) == 1


def test_nodes_of_a_role_that_left_the_team_are_skipped(set_stage):
    gate, cast = Gate(), Cast()
    stage = set_stage(cast.roles(role("gardener", cast.first)))
    cast.first.act = gate
    stack_id = stage.create("gardener: water", "third: c")
    gate.wait_entered()
    stage.crash()
    gate.open()
    stage.start(Cast().roles())
    until(lambda: bool(stage.cycles(stack_id)[0].finished_at), "the end of the cycle")

    node = stage.nodes(stack_id, 0)["gardener"]
    assert (node.status, node.note) == (
        NodeStatus.SKIPPED,
        "there is no role gardener in the team any more",
    )


def test_a_backoff_outlives_a_restart(set_stage):
    cast = Cast(first=fail)
    stage = set_stage(cast.roles(), settings=Settings().overridden({"pause": {"first_backoff": 60}}))
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.crash()
    stage.start()
    stage.clock.advance(55)
    stage.load()
    assert len(cast.first.runs) == 1
    stage.clock.advance(6)
    until(lambda: len(cast.first.runs) == 2, "the next try")


# -- Messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("complete", [False, True])
def test_a_message_that_nobody_looked_at_before_the_end_is_answered_after_it(set_stage, complete):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    if complete:
        stage.crash()
        resting = stage.stack(stack_id).but(phase=Phase.COMPLETE, next_look_at=None)
        stage.store.write(lambda writer: STACKS.put(writer, resting))
    else:
        stage.crash()
    message = new_user_message(stack_id, "ann", "anybody there?", stage.clock.now())
    stage.store.write(lambda writer: conversations.add_user_message(writer, message))
    stage.start()
    until(lambda: stage.user_messages(stack_id)[0].answer is not None, "the answer")

    assert [m.answer for m in stage.user_messages(stack_id)] == ["yes, ann"]
    assert len(stage.committed(stack_id)) == 1


def test_a_message_that_comes_as_the_stack_goes_to_rest_is_answered_after_a_restart(set_stage):
    # It is committed after the decision to rest was made, and before that is on disk.
    store = HeldStore()
    stage = set_stage(store=store)
    stack_id = stage.create(start=False)
    done = stage.stack(stack_id).but(phase=Phase.COMPLETE)
    store.write(lambda writer: STACKS.put(writer, done))
    stage.tell(stack_id, Command.START)
    stage.wait_for(StackWaits, stack_id, where=lambda e: e.until is None)
    message = new_user_message(stack_id, "ann", "hello?", stage.clock.now())
    release = store.hold()
    held = store.submitted
    written = store.submit(lambda writer: conversations.add_user_message(writer, message))
    stage.ref.ask(ConfigureStack(stack_id, {"pause": {"after_work": 2}}), block=False)
    store.wait_submitted(held + 2)
    ended = stage.ref.stop(block=False)
    release()
    written.result(WAIT)
    ended.get(timeout=WAIT)
    stage.start()
    until(lambda: stage.user_messages(stack_id)[0].answer is not None, "the answer")


def test_a_broadcast_that_nobody_looked_at_before_the_end_is_read_after_it(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    sender, receiver = stage.create(name="yard"), stage.create()
    for stack_id in (sender, receiver):
        stage.wait_rest(stack_id)
    stage.crash()
    message = new_message(stage.stack(sender), None, "good news", stage.clock.now())
    stage.store.write(lambda writer: conversations.add_message(writer, message))
    stage.start()
    until(lambda: stage.committed(receiver) == ["answered"], "the reading")

    assert [m.content for m in cast.communicator.snapshots[0].messages] == ["good news"]
    assert stage.stack(receiver).broadcasts_read == message.id
    assert stage.committed(sender) == []


# -- Other processes -------------------------------------------------------------------------------------


def outside(stage: Stage, stack_id: str, work) -> None:
    """Write as another process does, and leave a note of it."""

    def both(writer):
        work(writer)
        leave_nudge(writer, stack_id)

    stage.store.write(both)
    stage.clock.advance(5.1)


@pytest.mark.parametrize("active", [True, False])
def test_what_another_process_writes_is_seen_by_the_poll(set_stage, active):
    stage = set_stage(passivate_after=3)
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    if not active:
        stage.clock.advance(3.5)
        until(lambda: stage.load().active_stacks == 0, "the passivation")
    todo = new_todo(stack_id, "first: a", 3, stage.clock.now())
    outside(stage, stack_id, lambda writer: conversations.add_todo(writer, todo))
    stage.wait_for(CycleFinished, stack_id)

    assert stage.committed(stack_id) == ["first: a"]
    with stage.store.read() as reader:
        assert list(reader.scan("nudges")) == []


def test_commands_of_another_process_are_obeyed_while_agents_run(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    paused, stopped, deleted = (stage.create("first: a", "second: b", name=name) for name in "psd")
    for _ in range(3):
        gate.wait_entered()
    now = stage.clock.now()
    outside(stage, paused, lambda writer: control_stack(writer, paused, Command.PAUSE, now))
    outside(stage, stopped, lambda writer: control_stack(writer, stopped, Command.STOP, now))
    outside(stage, deleted, lambda writer: delete_stack(writer, deleted))
    until(lambda: stage.load().agents_abandoned == 2, "the end of the runs that are not wanted")
    gate.open()
    until(lambda: stage.committed(paused) == ["first: a"], "the commit of the paused stack's wave")
    stage.clock.advance(60)
    stage.status(paused)

    assert not cast.second.runs
    assert stage.committed(stopped) == []
    assert stage.status(paused).stack.state is ExecutionState.PAUSED
    assert stage.status(stopped).stack.state is ExecutionState.STOPPED
    outside(stage, paused, lambda writer: control_stack(writer, paused, Command.RESUME, now))
    stage.wait_for(CycleFinished, paused)
    assert stage.committed(paused) == ["first: a", "second: b"]


def test_a_broadcast_of_another_process_wakes_all(set_stage):
    stage = set_stage()
    ids = [stage.create(name=name) for name in "ab"]
    for stack_id in ids:
        stage.wait_rest(stack_id)
    message = new_message(stage.stack(ids[0]), None, "good news", stage.clock.now())
    outside(stage, BROADCASTS, lambda writer: conversations.add_message(writer, message))
    stage.wait_for(CycleFinished, ids[1])

    assert stage.committed(ids[1]) == ["answered"]


def test_news_of_another_process_ends_no_backoff(set_stage):
    cast = Cast(first=fail)
    stage = set_stage(cast.roles(), settings=Settings().overridden({"pause": {"first_backoff": 60}}))
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    message = new_user_message(stack_id, "ann", "hello?", stage.clock.now())
    outside(stage, stack_id, lambda writer: conversations.add_user_message(writer, message))
    stage.status(stack_id)
    assert not cast.communicator.runs
    stage.clock.advance(56)
    stage.wait_for(CycleFinished, stack_id, count=2)
    assert len(cast.communicator.runs) == 1


def test_a_note_of_a_stack_that_is_gone_is_cleared(set_stage):
    stage = set_stage()
    outside(stage, "0123456789abcdef", lambda _writer: None)
    until(lambda: not list_nudges(stage), "the clearing")
    assert stage.ref.is_alive()
    until(lambda: stage.load().active_stacks == 0, "the end of the supervisor that found nothing")


def list_nudges(stage):
    with stage.store.read() as reader:
        return list(reader.scan("nudges"))
