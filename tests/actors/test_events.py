"""What subscribers are told, in which order; and how stacks hear of each other."""

import pykka
import pytest

from recursor.actors.messages import (
    CreateStack,
    DeleteStack,
    SendStackMessage,
    Subscribe,
    Unsubscribe,
)
from recursor.domain import effect
from recursor.domain.commands import Command
from recursor.domain.events import (
    ContentsChanged,
    CycleFinished,
    CycleStarted,
    Event,
    NodeFinished,
    NodeStarted,
    StackChanged,
    StackDeleted,
    StackWaits,
    WorkDetected,
)
from recursor.domain.execution import DecisionKind, ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_idea, new_message, new_stack
from recursor.domain.stack import ExecutionState, Phase
from tests.actors.stage import WAIT, Audience, Cast, finish_todo, outcome, until


@pytest.fixture
def audience():
    made = []

    def make():
        ref = Audience.start()
        made.append(ref)
        return ref, ref._actor_weakref()

    yield make
    for ref in made:
        ref.stop(timeout=WAIT)


def kinds(events):
    return [type(event) for event in events]


def test_a_cycle_is_told_in_order_and_in_full(set_stage):
    stage = set_stage()
    stack = new_stack("garden", stage.clock.now())
    idea = new_idea(stack.id, "grow things", stage.clock.now())
    stage.ask(CreateStack(stack, idea))
    stage.add_todo(stack.id, "first: a")
    stage.add_todo(stack.id, "second: b")
    stage.tell(stack.id, Command.START)
    stage.wait_rest(stack.id)
    told = [event for event in stage.events(Event, stack.id) if not isinstance(event, WorkDetected)]

    assert kinds(told) == [
        StackChanged,
        ContentsChanged,
        ContentsChanged,
        StackChanged,
        CycleStarted,
        NodeStarted,
        NodeFinished,
        NodeStarted,
        NodeFinished,
        CycleFinished,
        StackWaits,
    ]
    assert [event.at for event in told] == sorted(event.at for event in told)
    created, added, _, started, begun, _, first, running, second, ended, waits = told
    assert added.what == "todos"
    assert (created.state, started.state) == (ExecutionState.IDLE, ExecutionState.RUNNING)
    (cycle,) = stage.cycles(stack.id)
    assert (begun.execution_id, begun.number) == (cycle.id, 1)
    assert [node.role for node in begun.graph.nodes] == ["first", "second"]
    assert [node.status for node in begun.graph.nodes] == [NodeStatus.RUNNING, NodeStatus.PENDING]
    assert (running.role, running.wave, running.reason) == ("second", 1, "1 for second")
    assert (first.role, first.status, first.summary) == ("first", NodeStatus.COMPLETED, "first: a")
    assert second.seconds > 0
    assert (ended.execution_id, ended.status) == (cycle.id, ExecutionStatus.COMPLETED)
    assert ended.decision == cycle.decision
    assert ended.seconds == pytest.approx(cycle.duration)
    assert waits.decision.kind is DecisionKind.PAUSE
    assert waits.until == pytest.approx(waits.at + 30, abs=0.01)
    (report, *_) = stage.events(WorkDetected, stack.id)
    assert report.report.roles_with_work() == ("first", "second")


def test_what_is_told_is_on_disk_already(set_stage):
    stage = set_stage()
    seen = []

    class Checker(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_receive(self, event):
            if isinstance(event, NodeFinished):
                seen.append(stage.nodes(event.stack_id)[event.role].status is event.status)
            elif isinstance(event, CycleFinished):
                seen.append(stage.cycles(event.stack_id)[event.number - 1].status is event.status)
            elif isinstance(event, StackChanged):
                seen.append(stage.stack(event.stack_id).state is event.state)

    checker = Checker.start()
    stage.ask(Subscribe(checker))
    stack_id = stage.create("first: a", "second: b", start=False)
    until(lambda: bool(seen), "the telling of the new stack")
    stage.tell(stack_id, Command.START)
    stage.wait_rest(stack_id)
    checker.stop(timeout=WAIT)
    assert seen == [True] * 5


def test_a_phase_that_an_agent_sets_is_told(set_stage):
    def advance(snapshot, run):
        return outcome(*finish_todo(snapshot, run).effects, effect.SetPhase(phase=Phase.BUILDING))

    stage = set_stage(Cast(first=advance).roles())
    stack_id = stage.create("first: a")
    changed = stage.wait_for(StackChanged, stack_id, where=lambda e: e.phase is Phase.BUILDING)
    assert changed.state is ExecutionState.RUNNING


def test_a_subscription_is_for_one_stack_or_for_all_and_told_once(set_stage, audience):
    stage = set_stage()
    everything, all_seen = audience()
    one, one_seen = audience()
    mine, other = stage.create("first: a", start=False), stage.create("first: a", start=False)
    for _ in range(2):
        stage.ask(Subscribe(everything))
        stage.ask(Subscribe(one, mine))
    # To want all of them, and one of them in particular, is to want all.
    stage.ask(Subscribe(everything, mine))
    for stack_id in (mine, other):
        stage.tell(stack_id, Command.START)
        stage.wait_rest(stack_id)
    until(lambda: {e.stack_id for e in all_seen.events if isinstance(e, StackWaits)} == {mine, other}, "all")
    until(lambda: StackWaits in kinds(one_seen.events), "the last event")

    assert {event.stack_id for event in one_seen.events} == {mine}
    assert len([e for e in one_seen.events if isinstance(e, CycleFinished)]) == 1
    assert len([e for e in all_seen.events if isinstance(e, CycleFinished)]) == 2
    stage.ask(Unsubscribe(everything))
    before = len(all_seen.events)
    stage.add_todo(mine, "first: b")
    until(lambda: kinds(one_seen.events).count(CycleFinished) == 2, "the next cycle")
    assert len(all_seen.events) == before


def test_a_listener_that_has_ended_is_forgotten(set_stage, audience):
    stage = set_stage()
    ref, _ = audience()
    stage.ask(Subscribe(ref))
    ref.stop(timeout=WAIT)
    stack_id = stage.create("first: a")
    stage.wait_for(CycleFinished, stack_id)
    subscriptions = stage.ref._actor_weakref()._environment.events._subscriptions

    assert ref not in [subscription.listener for subscription in subscriptions]
    assert stage.committed(stack_id) == ["first: a"]


def test_a_deletion_is_told_with_or_without_actors(set_stage):
    stage = set_stage()
    idle, running = stage.create(start=False), stage.create()
    stage.wait_rest(running)
    for stack_id in (idle, running):
        stage.ask(DeleteStack(stack_id))
        stage.wait_for(StackDeleted, stack_id)
    stage.load()
    assert len(stage.events(StackDeleted)) == 2


# -- Stacks among themselves -----------------------------------------------------------------------------


@pytest.mark.parametrize("passivated", [False, True])
@pytest.mark.parametrize("direct", [True, False])
def test_a_message_of_an_agent_wakes_its_receivers(set_stage, direct, passivated):
    cast = Cast()
    stage = set_stage(cast.roles())
    sender = stage.create(name="yard")
    near, far = stage.create(name="near"), stage.create(name="far")
    for stack_id in (sender, near, far):
        stage.wait_rest(stack_id)
    if passivated:
        stage.clock.advance(12)
        until(lambda: stage.load().active_stacks == 0, "the passivation")

    def write(snapshot, run):
        receiver = near if direct else None
        hello = effect.SendMessage(to_stack_id=receiver, content="hello")
        return outcome(*finish_todo(snapshot, run).effects, hello, summary="wrote")

    cast.first.act = write
    stage.add_todo(sender, "first: a")
    receivers = [near] if direct else [near, far]
    for stack_id in receivers:
        stage.wait_for(CycleFinished, stack_id)
    stage.load()

    assert stage.committed(near) == ["answered"]
    assert stage.committed(far) == ([] if direct else ["answered"])
    assert stage.committed(sender) == ["wrote"]
    (first, *_) = cast.communicator.snapshots
    assert [(m.from_name, m.content) for m in first.messages] == [("yard", "hello")]


def test_a_message_of_a_person_wakes_its_receiver(set_stage):
    stage = set_stage()
    sender, receiver = stage.create(name="yard"), stage.create()
    stage.wait_rest(receiver)
    stage.wait_rest(sender)
    message = new_message(stage.stack(sender), receiver, "hello", stage.clock.now())
    assert stage.ask(SendStackMessage(message)) == message
    stage.wait_for(CycleFinished, receiver)

    assert stage.committed(receiver) == ["answered"]


def test_two_stacks_that_write_to_each_other_take_turns(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    one, two = stage.create(name="one"), stage.create(name="two")
    for stack_id in (one, two):
        stage.wait_rest(stack_id)
    other = {one: two, two: one}

    def reply(snapshot, _run):
        (message,) = snapshot.messages
        read = effect.ReadMessages(message_ids=(message.id,))
        number = int(message.content) + 1
        if number > 20:
            return outcome(read, summary="enough")
        receiver = other[snapshot.stack.id]
        return outcome(
            read, effect.SendMessage(to_stack_id=receiver, content=str(number)), summary=str(number)
        )

    cast.communicator.act = reply
    first = new_message(stage.stack(one), two, "0", stage.clock.now())
    stage.ask(SendStackMessage(first))
    stage.wait_for(NodeFinished, two, where=lambda told: told.summary == "enough")

    assert stage.committed(two) == [str(number) for number in range(1, 21, 2)] + ["enough"]
    assert stage.committed(one) == [str(number) for number in range(2, 21, 2)]
