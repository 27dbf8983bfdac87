"""A run that waits in line gives up its place, so that others run, and has it back before it goes on."""

import threading

import pytest

from recursor.runtime import priority
from recursor.runtime.dispatched import DispatchedActor
from recursor.runtime.priority import PriorityDispatcher
from recursor.runtime.seats import WorkerSeat
from tests.actors.stage import until

WAIT = 30


class Told:
    def __init__(self, act, priority=5):
        self.act = act
        self.priority = priority


class Agent(DispatchedActor):
    listed = False

    def on_receive(self, message):
        seat = WorkerSeat(self.actor_inbox.dispatcher, threading.current_thread(), message.priority)
        try:
            return message.act(seat)
        finally:
            seat.end()


class Line:
    """What a run stands in until the test calls it."""

    def __init__(self, begun, name):
        self.begun = begun
        self.name = name
        self.stands = threading.Event()
        self.called = threading.Event()
        self.is_back = threading.Event()

    def __call__(self, seat):
        seat.leave()
        self.stands.set()
        assert self.called.wait(WAIT)
        seat.take(self.is_back.set)
        assert self.is_back.wait(WAIT)
        self.begun.append(self.name)


@pytest.fixture
def one_place(make_dispatcher):
    return make_dispatcher(1, PriorityDispatcher)


def run(dispatcher, act, priority=5):
    return Agent.start(dispatcher=dispatcher).ask(Told(act, priority), block=False)


def in_line(dispatcher, begun, name, priority=5):
    line = Line(begun, name)
    future = run(dispatcher, line, priority)
    assert line.stands.wait(WAIT)
    return line, future


def test_others_run_while_one_waits_in_line(one_place):
    begun = []
    line, first = in_line(one_place, begun, "first")
    run(one_place, lambda _: begun.append("second")).get(timeout=WAIT)
    assert begun == ["second"]
    assert (one_place.aside, one_place.load.running) == (1, 0)
    line.called.set()
    first.get(timeout=WAIT)
    assert begun == ["second", "first"]


def test_it_goes_on_only_when_there_is_a_place(one_place, make_gate):
    begun = []
    line, first = in_line(one_place, begun, "first")
    gate = make_gate()
    second = run(one_place, lambda _: gate())
    gate.wait_entered()
    line.called.set()
    third = run(one_place, lambda _: begun.append("third"))
    urgent = run(one_place, lambda _: begun.append("urgent"), priority=9)
    assert begun == []
    assert one_place.load.running == 1
    until(lambda: one_place.load.queued == 3, "the three that want the place")
    gate.open()
    for future in (second, urgent, first, third):
        future.get(timeout=WAIT)
    # Of its own priority it goes first, for it has begun before them.
    assert begun == ["urgent", "first", "third"]


def test_any_number_may_wait_and_the_most_urgent_goes_on_first(one_place, make_gate):
    begun = []
    lines = [in_line(one_place, begun, number, number) for number in (3, 8, 5)]
    gate = make_gate()
    run(one_place, lambda _: gate())
    gate.wait_entered()
    for line, _ in lines:
        line.called.set()
    # They are back in the queue when as many wait there.
    until(lambda: one_place.load.queued == 3, "the queue")
    gate.open()
    for _, future in lines:
        future.get(timeout=WAIT)
    assert begun == [8, 5, 3]


def test_it_is_crowded_when_as_many_wait_as_may(one_place, monkeypatch):
    monkeypatch.setattr(priority, "MOST_ASIDE", 2)
    begun = []
    lines = []
    for number in (1, 2):
        assert not one_place.is_crowded
        lines.append(in_line(one_place, begun, number))
    assert one_place.is_crowded
    for line, future in lines:
        line.called.set()
        future.get(timeout=WAIT)
    assert not one_place.is_crowded


def test_one_that_ends_in_line_leaves_the_places_as_they_were(one_place):
    def gives_up(seat):
        seat.leave()
        raise RuntimeError("sent away")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="sent away"):
            run(one_place, gives_up).get(timeout=WAIT)
    begun = []
    for number in range(3):
        run(one_place, lambda _, number=number: begun.append(number)).get(timeout=WAIT)
    assert begun == [0, 1, 2]
    assert one_place.load == (0, 0, 0)


def test_one_that_is_abandoned_in_line_takes_no_place(one_place):
    begun = []
    line = Line(begun, "gone")
    agent = Agent.start(dispatcher=one_place)
    agent.ask(Told(line), block=False)
    assert line.stands.wait(WAIT)
    assert one_place.abandon(agent)
    line.called.set()
    assert line.is_back.wait(WAIT)
    run(one_place, lambda _: begun.append("next")).get(timeout=WAIT)
    assert "next" in begun
