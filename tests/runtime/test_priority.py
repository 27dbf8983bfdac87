"""On the agents' dispatcher the most urgent run first, never too many, and a stuck one can be given up."""

import contextlib
import logging
import threading
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pykka import ActorDeadError, ActorRegistry

from recursor.runtime.dispatched import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.priority import PriorityDispatcher, message_priority

WAIT = 30


class Run(NamedTuple):
    priority: int
    label: object = None


class Agent(DispatchedActor):
    listed = False

    def __init__(self, handled, dispatcher):
        super().__init__(dispatcher=dispatcher)
        self.handled = handled

    def on_receive(self, message):
        return message() if callable(message) else self.handled.append(message.label)

    def on_stop(self):
        self.handled.append("stopped")


class Stuck(DispatchedActor):
    """Gets stuck in what it is told, and counts what it does afterwards."""

    def __init__(self, dispatcher):
        super().__init__(dispatcher=dispatcher)
        self.calls = []

    def on_receive(self, message):
        self.calls.append(message)
        if callable(message):
            return message()
        return message

    def on_stop(self):
        self.calls.append("on_stop")

    def on_failure(self, *_):
        self.calls.append("on_failure")


def occupy(dispatcher, gate):
    keeper = Agent.start([], dispatcher)
    keeper.tell(gate)
    gate.wait_entered()
    return keeper


def order_expected(puts):
    """What the documentation promises, said the slow way."""
    waiting, places, arrivals, order = {}, {}, 0, []
    for actor, priority, label in puts:
        waiting.setdefault(actor, []).append((priority, label))
        if actor not in places or priority > places[actor][0]:
            places[actor] = (priority, arrivals)
            arrivals += 1
    while places:
        actor = min(places, key=lambda actor: (-places[actor][0], places[actor][1]))
        del places[actor]
        order.append(waiting[actor].pop(0)[1])
        if waiting[actor]:
            places[actor] = (max(priority for priority, _ in waiting[actor]), arrivals)
            arrivals += 1
    return order


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10)), max_size=40))
def test_the_most_urgent_runs_first(make_dispatcher, make_gate, sends):
    dispatcher, gate, handled = make_dispatcher(1, PriorityDispatcher), make_gate(), []
    occupy(dispatcher, gate)
    agents = [Agent.start(handled, dispatcher) for _ in range(6)]
    for label, (agent, priority) in enumerate(sends):
        agents[agent].tell(Run(priority, label))
    last = agents[0].ask(Run(0, "last"), block=False)
    assert dispatcher.load.queued == len({agent for agent, _ in sends} | {0})
    gate.open()
    last.get(timeout=WAIT)
    for agent in agents:
        agent.ask(Run(0, "end"), timeout=WAIT)

    puts = [(agent, priority, label) for label, (agent, priority) in enumerate(sends)]
    expected = order_expected([*puts, (0, 0, "last")])
    assert [label for label in handled if label != "end"] == expected


def test_a_waiting_user_goes_before_periodic_checks_and_those_stay_in_order(make_dispatcher, make_gate):
    dispatcher, gate, handled = make_dispatcher(1, PriorityDispatcher), make_gate(), []
    occupy(dispatcher, gate)
    for number in range(5):
        Agent.start(handled, dispatcher).tell(Run(4, number))
    user = Agent.start(handled, dispatcher).ask(Run(10, "user"), block=False)
    lowest = Agent.start(handled, dispatcher).ask(Run(0, "lowest"), block=False)
    gate.open()
    user.get(timeout=WAIT)
    lowest.get(timeout=WAIT)

    assert handled == ["user", 0, 1, 2, 3, 4, "lowest"]


def test_stopping_waits_for_no_run(make_dispatcher, make_gate):
    dispatcher, gate, handled = make_dispatcher(1, PriorityDispatcher), make_gate(), []
    occupy(dispatcher, gate)
    run = Agent.start(handled, dispatcher).ask(Run(10, "urgent"), block=False)
    stopped = Agent.start(handled, dispatcher).stop(block=False)
    gate.open()
    stopped.get(timeout=WAIT)
    run.get(timeout=WAIT)

    assert handled == ["stopped", "urgent"]


@pytest.mark.parametrize(
    ("message", "priority"),
    [(Run(7), 7), ("no priority", 5), ({"priority": 9}, 5), (type("M", (), {"priority": "high"})(), 5)],
)
def test_a_message_says_its_priority_or_has_the_middle_one(message, priority):
    assert message_priority(message) == priority


def test_the_caller_may_decide_the_priority(make_dispatcher, make_gate):
    dispatcher = make_dispatcher(
        1, PriorityDispatcher, priority=lambda message: -100 if callable(message) else 100
    )
    gate, handled = make_gate(), []
    occupy(dispatcher, gate)
    low = Agent.start(handled, dispatcher).ask(lambda: handled.append("low"), block=False)
    high = Agent.start(handled, dispatcher).ask(Run(0, "high"), block=False)
    gate.open()
    low.get(timeout=WAIT)
    high.get(timeout=WAIT)

    assert handled == ["high", "low"]


def test_no_more_agents_run_than_there_are_threads(make_dispatcher, make_gate):
    dispatcher, gates = make_dispatcher(2, PriorityDispatcher), [make_gate() for _ in range(4)]
    for gate in gates:
        Agent.start([], dispatcher).tell(gate)
    gates[0].wait_entered()
    gates[1].wait_entered()

    assert dispatcher.load == (2, 2, 0)
    assert not gates[2].entered.is_set()
    gates[0].open()
    gates[2].wait_entered()
    assert not gates[3].entered.is_set()


def test_an_abandoned_actor_gives_its_place_back_and_does_nothing_more(make_dispatcher, make_gate, caplog):
    dispatcher, gate = make_dispatcher(1, PriorityDispatcher), make_gate()
    ref = Stuck.start(dispatcher)
    actor = ref._actor_weakref()
    thread = ref.ask(threading.current_thread, timeout=WAIT)
    stuck = ref.ask(gate, block=False)
    gate.wait_entered()
    told, asked, stopped = ref.tell("told"), ref.ask("asked", block=False), ref.stop(block=False)
    other = Agent.start([], dispatcher).ask(lambda: "ran", block=False)

    assert dispatcher.abandon(ref)

    assert told is None
    assert other.get(timeout=WAIT) == "ran"
    for future in (stuck, asked):
        with pytest.raises(ActorDeadError):
            future.get(timeout=WAIT)
    assert stopped.get(timeout=WAIT)
    assert not ref.is_alive()
    assert ref not in ActorRegistry.get_all()
    assert dispatcher.load.abandoned == 1
    with pytest.raises(ActorDeadError):
        ref.tell("dead")

    gate.open()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert dispatcher.load.abandoned == 0
    assert actor.calls == [threading.current_thread, gate]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, BaseException])
@pytest.mark.parametrize("answered", [True, False])
def test_what_an_abandoned_actor_raises_is_dropped(make_dispatcher, make_gate, caplog, error, answered):
    dispatcher, gate = make_dispatcher(1, PriorityDispatcher), make_gate()
    ref, bystander = Stuck.start(dispatcher), Stuck.start(dispatcher)
    actor = ref._actor_weakref()
    thread = ref.ask(threading.current_thread, timeout=WAIT)

    def stick():
        gate()
        raise error

    if answered:
        ref.ask(stick, block=False)
    else:
        ref.tell(stick)
    gate.wait_entered()
    dispatcher.abandon(ref)
    gate.open()
    thread.join(WAIT)

    assert not thread.is_alive()
    assert "on_failure" not in actor.calls
    assert "on_stop" not in actor.calls
    assert bystander.ask("still here", timeout=WAIT) == "still here"
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    bystander.stop(timeout=WAIT)


def test_an_actor_abandoned_while_it_waits_never_runs(make_dispatcher, make_gate):
    dispatcher, gate, handled = make_dispatcher(1, PriorityDispatcher), make_gate(), []
    keeper = occupy(dispatcher, gate)
    waiting = Agent.start(handled, dispatcher)
    asked = waiting.ask(Run(10, "never"), block=False)

    assert not dispatcher.abandon(waiting)
    assert dispatcher.load == (0, 1, 0)
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT)
    gate.open()
    keeper.ask(lambda: "done", timeout=WAIT)
    assert handled == []


@pytest.mark.parametrize("kind", [Dispatcher, PriorityDispatcher])
def test_an_idle_actor_can_be_abandoned_and_so_can_a_dead_one(make_dispatcher, kind):
    dispatcher = make_dispatcher(1, kind)
    ref = Stuck.start(dispatcher)

    assert not dispatcher.abandon(ref)
    assert not ref.is_alive()
    assert not dispatcher.abandon(ref)


def test_only_its_own_dispatcher_can_abandon_an_actor(make_dispatcher):
    ref = Agent.start([], make_dispatcher())
    with pytest.raises(ValueError, match="does not run on dispatcher"):
        make_dispatcher().abandon(ref)
    assert ref.is_alive()


def test_an_actor_abandoned_while_it_waits_for_another_gives_back_one_place_only(make_dispatcher, make_gate):
    dispatcher, gate = make_dispatcher(1, PriorityDispatcher), make_gate()
    slow, waiting = Stuck.start(dispatcher), Stuck.start(dispatcher)
    thread = waiting.ask(threading.current_thread, timeout=WAIT)
    stuck_again = make_gate()

    def wait():
        slow.ask(gate, timeout=WAIT)
        stuck_again()

    waiting.tell(wait)
    gate.wait_entered()

    assert dispatcher.abandon(waiting)
    second = make_gate()
    Agent.start([], dispatcher).tell(second)
    assert dispatcher.load == (1, 1, 1)
    gate.open()
    stuck_again.wait_entered()
    second.wait_entered()
    assert dispatcher.load == (0, 1, 1)
    second.open()
    assert Agent.start([], dispatcher).ask(lambda: "there is a place", timeout=WAIT) == "there is a place"
    stuck_again.open()
    thread.join(WAIT)
    assert dispatcher.load.abandoned == 0
    slow.stop(timeout=WAIT)


def test_abandoned_and_finished_at_the_same_time_is_one_or_the_other(hurried_threads, make_dispatcher):
    dispatcher = make_dispatcher(1, PriorityDispatcher)
    for _ in range(200):
        together = threading.Barrier(2)
        ref = Stuck.start(dispatcher)
        answer = ref.ask(lambda together=together: together.wait(WAIT) in (0, 1), block=False)
        together.wait(WAIT)
        dispatcher.abandon(ref)
        with contextlib.suppress(ActorDeadError):
            assert answer.get(timeout=WAIT)
        survivor = Stuck.start(dispatcher)
        assert survivor.ask("next", timeout=WAIT) == "next"
        survivor.stop(timeout=WAIT)
