"""Another orchestrator on the same store goes on where the last one was, however that ended."""

import threading

import pytest

from recursor.actors.messages import ControlStack, SendStackMessage, SendUserMessage, Shutdown
from recursor.domain.commands import Command
from recursor.domain.effect import SetPhase
from recursor.domain.errors import ConflictError
from recursor.domain.events import CycleFinished
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_message, new_user_message
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from tests.actors.stage import WAIT, Cast, Gate, HeldStore, Stage, fail, finish_todo, outcome, role, until

ALL = ("first: a", "second: b", "third: c", "last: d")
WAVES = {"first": 0, "second": 1, "third": 1, "last": 2}


def finished(stage: Stage, stack_id: str) -> bool:
    return all(cycle.finished_at for cycle in stage.cycles(stack_id)) and len(stage.committed(stack_id)) >= 4


# -- In the middle of a cycle ----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["stopped", "shut down, not in time", "killed in its grace"])
@pytest.mark.parametrize("where", ["first", "second", "last"])
@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_committed_nodes_are_not_run_again_and_the_others_are(set_stage, tmp_path, kind, where, ending):
    store = open_store(tmp_path / "store") if kind == "lmdb" else None
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


@pytest.mark.parametrize("step", range(5))
def test_a_death_between_any_two_commits_loses_nothing_and_repeats_nothing(set_stage, monkeypatch, step):
    # The start, the beginning, and the results of three waves, the last with the end: then comes the death.
    store, cast, release = HeldStore(), Cast(), threading.Event()
    stage = set_stage(cast.roles(), store=store)
    stack_id = stage.create(*ALL, start=False)
    usual, fences, held = store.commit, [], threading.Event()

    def commit(written, done):
        fences.append(written.fence)
        if len(fences) == step + 1:
            usual(Commit(), lambda _: release.wait(WAIT))
            held.set()
        usual(written, done)

    monkeypatch.setattr(store, "commit", commit)
    stage.ref.ask(ControlStack(stack_id, Command.START), block=False)
    assert held.wait(WAIT), "the commit did not come"
    ended = stage.ref.stop(block=False)
    release.set()
    ended.get(timeout=WAIT)
    assert {fence.owner for fence in fences[: step + 1]} == {stack_id}
    monkeypatch.undo()
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
        "role gardener is no longer in the team",
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


# -- Without agents --------------------------------------------------------------------------------------


def complete(snapshot, run):
    return outcome(*finish_todo(snapshot, run).effects, SetPhase(phase=Phase.COMPLETE))


def test_where_agents_do_not_run_commands_are_obeyed_and_nothing_else_happens(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "second: b")
    gate.wait_entered()
    stage.crash()
    gate.open()
    cast.first.act = finish_todo
    stage.start(runs=False)
    idle = stage.create("third: c")
    stage.add_todo(stack_id, "first: b")
    stage.clock.advance(1000)
    assert stage.status(idle).stack.state is ExecutionState.RUNNING
    assert stage.nodes(stack_id)["first"].status is NodeStatus.PENDING
    assert cast.runs() == ["first"]
    stage.crash()

    stage.start()
    for each, todos in ((stack_id, 3), (idle, 1)):
        until(lambda each=each, todos=todos: len(stage.committed(each)) == todos, "all work")
    assert [run.attempt for run in cast.first.runs] == [1, 2, 1]


@pytest.mark.parametrize("phase", [Phase.PLANNING, Phase.COMPLETE])
def test_a_message_that_came_where_agents_do_not_run_is_answered_where_they_do(set_stage, phase):
    stage = set_stage(Cast(first=complete).roles())
    stack_id = stage.create(*["first: a"] * (phase is Phase.COMPLETE))
    stage.wait_rest(stack_id)
    stage.crash()
    stage.start(runs=False)
    assert stage.stack(stack_id).phase is phase
    stage.write_to(stack_id, "anybody there?")
    stage.crash()
    stage.start()
    until(lambda: stage.user_messages(stack_id)[0].answer is not None, "the answer")

    assert [m.answer for m in stage.user_messages(stack_id)] == ["yes, ann"]


def test_a_broadcast_that_came_where_agents_do_not_run_is_read_where_they_do(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    sender, receiver = stage.create(name="yard"), stage.create()
    for stack_id in (sender, receiver):
        stage.wait_rest(stack_id)
    stage.crash()
    stage.start(runs=False)
    message = stage.ask(
        SendStackMessage(new_message(stage.stack(sender), None, "good news", stage.clock.now()))
    )
    stage.crash()
    stage.start()
    until(lambda: stage.committed(receiver) == ["answered"], "the reading")

    assert [m.content for m in cast.communicator.snapshots[0].messages] == ["good news"]
    assert stage.stack(receiver).broadcasts_read == message.id
    assert stage.committed(sender) == []


# -- As a stack goes to rest -----------------------------------------------------------------------------


@pytest.mark.parametrize("at_rest", [True, False])
def test_a_message_that_comes_as_the_stack_goes_to_rest_is_answered_after_a_restart(set_stage, at_rest):
    # It is on disk, and what it led to is not; or it was on its way together with the decision to rest.
    store, gate = HeldStore(), Gate(complete)
    stage = set_stage(Cast(first=gate).roles(), store=store)
    stack_id = stage.create("first: a")
    gate.wait_entered()
    if at_rest:
        gate.open()
        stage.wait_rest(stack_id)
        assert stage.stack(stack_id).next_look_at is None
    release, held = store.hold(), store.submitted
    message = new_user_message(stack_id, "ann", "hello?", stage.clock.now())
    if at_rest:
        stage.ref.ask(SendUserMessage(message), block=False)
        store.wait_submitted(held + 1)
    else:
        gate.open()
        store.wait_submitted(held + 1)
        stage.ref.ask(SendUserMessage(message), block=False)
        stage.status(stack_id)
    ended = stage.ref.stop(block=False)
    release()
    ended.get(timeout=WAIT)
    stage.start()
    if not at_rest:
        # It was not acknowledged, so it is sent again.
        stage.ask(SendUserMessage(message))
    until(lambda: bool(stage.user_messages(stack_id)), "the message")
    until(lambda: stage.user_messages(stack_id)[0].answer is not None, "the answer")

    assert len(stage.user_messages(stack_id)) == 1
