"""In a simulation the seed decides everything, time passes when told to, and a crash is the end."""

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pykka import ActorDeadError, ActorRegistry

from recursor.runtime.actor import DispatchedActor, stop
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.simulated import Scheduler, SimulatedClock, SimulatedDispatcher
from recursor.runtime.worker import WaitForbiddenError

START = 1_700_000_000.0


class Recorder(DispatchedActor):
    """Notes what it is told; calls what it is asked."""

    listed = False

    def __init__(self, dispatcher, notes, name="recorder"):
        super().__init__(dispatcher=dispatcher)
        self.notes = notes
        self.name = name

    def on_receive(self, message):
        if callable(message):
            return message()
        self.notes.append((self.name, message))
        return message

    def on_stop(self):
        self.notes.append((self.name, "stopped"))


class Relay(DispatchedActor):
    """Passes a number on until it is 0."""

    listed = False

    def __init__(self, dispatcher, notes, name):
        super().__init__(dispatcher=dispatcher)
        self.notes = notes
        self.name = name
        self.others = []

    def on_receive(self, number):
        self.notes.append((self.name, number))
        for other in self.others if number else []:
            other.tell(number - 1)


@pytest.fixture
def scheduler():
    return Scheduler(1)


def relays(seed):
    """Returns what three actors do that tell each other things."""
    scheduler, notes = Scheduler(seed), []
    dispatcher = SimulatedDispatcher(scheduler)
    refs = [Relay.start(dispatcher, notes, name) for name in range(3)]
    for ref in refs:
        ref._actor_weakref().others = refs
    for ref in refs:
        ref.tell(3)
    scheduler.run_until_idle()
    return notes


# -- Steps -----------------------------------------------------------------------------------------------


@given(st.integers())
def test_the_same_seed_gives_the_same_order(seed):
    assert relays(seed) == relays(seed)


def test_other_seeds_give_other_orders_of_the_same_messages():
    runs = [relays(seed) for seed in range(20)]
    assert len({tuple(run) for run in runs}) > 15
    assert len({tuple(sorted(run)) for run in runs}) == 1


def test_a_generator_may_be_the_seed():
    generator = random.Random(5)
    assert Scheduler(generator).random is generator
    assert relays(random.Random(5)) == relays(5)


def test_every_order_is_possible():
    seen = set()
    for seed in range(200):
        scheduler, order = Scheduler(seed), []
        for name in "abc":
            scheduler.add(lambda name=name, order=order: order.append(name))
        assert scheduler.run_until_idle() == 3
        seen.add("".join(order))
    assert len(seen) == 6


def test_a_step_at_a_time_is_run_until_there_is_none(scheduler):
    calls = []
    scheduler.add(lambda: scheduler.add(lambda: calls.append("second")))
    assert (scheduler.step(), scheduler.ready, calls) == (True, 1, [])
    assert (scheduler.step(), scheduler.ready, calls) == (True, 0, ["second"])
    assert not scheduler.step()


def test_what_does_not_come_to_rest_is_an_error(scheduler):
    def again():
        scheduler.add(again)

    again()
    with pytest.raises(RuntimeError, match="never ends"):
        scheduler.run_until_idle(limit=100)


def test_to_wait_in_a_step_is_an_error_and_not_for_ever(scheduler):
    ref = Recorder.start(SimulatedDispatcher(scheduler), [])
    other = Recorder.start(SimulatedDispatcher(scheduler), [])
    answers = [
        ref.ask(lambda: other.ask("hello"), block=False),
        ref.ask(lambda: DispatchedFuture().get(timeout=3600), block=False),
        ref.ask(other.actor_stopped.wait, block=False),
    ]
    scheduler.run_until_idle()
    for answer in answers:
        with pytest.raises(WaitForbiddenError):
            answer.get()


# -- Actors ----------------------------------------------------------------------------------------------


@given(st.integers(), st.integers(1, 4), st.integers(1, 20))
def test_messages_of_one_sender_stay_in_order(seed, actors, each):
    scheduler, notes = Scheduler(seed), []
    dispatcher = SimulatedDispatcher(scheduler)
    refs = [Recorder.start(dispatcher, notes, name) for name in range(actors)]
    for number in range(each):
        for ref in refs:
            ref.tell(number)
    assert dispatcher.load == (actors, 0, 0)
    scheduler.run_until_idle()
    for name in range(actors):
        assert [number for noted, number in notes if noted == name] == list(range(each))


def test_actors_start_answer_and_stop_as_they_do_on_threads(scheduler):
    notes = []
    ref = Recorder.start(SimulatedDispatcher(scheduler), notes)
    answer, failing = ref.ask("hello", block=False), ref.ask(lambda: 1 / 0, block=False)
    stopped, late = stop(ref), ref.ask("too late", block=False)
    assert not answer.done()
    scheduler.run_until_idle()
    assert (answer.get(), stopped.get()) == ("hello", True)
    with pytest.raises(ZeroDivisionError):
        failing.get()
    with pytest.raises(ActorDeadError):
        late.get()
    assert notes == [("recorder", "hello"), ("recorder", "stopped")]
    assert not ref.is_alive()


def test_a_step_that_kills_its_thread_is_told_and_its_actor_is_dead(scheduler):
    class FailsToStart(DispatchedActor):
        def on_start(self):
            raise SystemExit("raised through the thread")

    ref = FailsToStart.start(dispatcher=SimulatedDispatcher(scheduler))
    asked = ref.ask("never handled", block=False)
    with pytest.raises(SystemExit):
        scheduler.run_until_idle()
    assert isinstance(asked.exception(), ActorDeadError)
    assert not ref.is_alive()
    assert ref not in ActorRegistry.get_all()


def test_shutdown_runs_what_is_queued_and_ends_those_that_get_messages_later(scheduler):
    notes, dispatcher = [], SimulatedDispatcher(scheduler)
    refs = [Recorder.start(dispatcher, notes, name) for name in range(3)]
    for ref in refs:
        ref.tell("queued")
    assert dispatcher.shutdown(timeout=0)
    assert sorted(notes) == [(name, "queued") for name in range(3)]
    with pytest.raises(ActorDeadError):
        refs[0].ask("too late")
    assert not refs[0].is_alive()
    assert dispatcher.shutdown()


@pytest.mark.parametrize("what", ["scheduler", "dispatcher"])
def test_after_a_crash_no_actor_runs_and_none_is_listed(scheduler, what):
    class Listed(Recorder):
        listed = True

    notes, dispatcher, other = [], SimulatedDispatcher(scheduler), SimulatedDispatcher(scheduler)
    ref = Listed.start(dispatcher, notes)
    asked = ref.ask("lost", block=False)
    survivor = Recorder.start(other, notes, "survivor")
    survivor.tell("hello")
    (scheduler if what == "scheduler" else dispatcher).crash()
    ref.tell("lost, too")
    scheduler.run_until_idle()
    assert notes == ([] if what == "scheduler" else [("survivor", "hello")])
    assert not asked.done()
    dispatcher.crash()
    assert ref not in ActorRegistry.get_all()


# -- Time ------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(scheduler):
    return SimulatedClock(scheduler)


def test_time_stands_still_but_for_what_tells_its_readings_apart(clock):
    first, second = clock.now(), clock.now()
    assert START < first < second < START + 0.001


def test_a_timer_is_a_step_when_its_time_has_come(scheduler, clock):
    calls = []
    clock.call_at(START + 5, lambda: calls.append(clock.now()))
    clock.advance(4)
    scheduler.run_until_idle()
    assert (calls, scheduler.ready) == ([], 0)
    clock.advance(2)
    assert (calls, scheduler.ready) == ([], 1)
    scheduler.run_until_idle()
    assert calls == pytest.approx([START + 6], abs=0.001)


def test_a_timer_that_is_due_already_is_a_step_at_once(scheduler, clock):
    calls = []
    clock.call_at(0.0, lambda: calls.append(1))
    scheduler.run_until_idle()
    assert calls == [1]


@given(st.integers(), st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=20))
def test_timers_fire_in_the_order_of_their_times(seed, timers):
    scheduler, calls = Scheduler(seed), []
    clock = SimulatedClock(scheduler)
    for number, (seconds, is_cancelled) in enumerate(timers):
        timer = scheduler.call_after(seconds, lambda key=(seconds, number): calls.append(key))
        if is_cancelled:
            timer.cancel()
        scheduler.add(lambda: None)
    clock.advance(5)
    scheduler.run_until_idle()
    clock.advance(10)
    scheduler.run_until_idle()
    expected = [(seconds, n) for n, (seconds, is_cancelled) in enumerate(timers) if not is_cancelled]
    assert calls == sorted(expected)


def test_time_can_pass_to_the_next_timer(scheduler, clock):
    calls = []
    for seconds in (3, 1):
        clock.call_at(START + seconds, lambda seconds=seconds: calls.append((seconds, clock.now() - START)))
    clock.call_at(START + 2, lambda: calls.append("never")).cancel()
    clock.call_at(float("inf"), lambda: calls.append("never"))
    passed = []
    while (seconds := clock.advance_to_next()) is not None:
        passed.append(seconds)
        scheduler.run_until_idle()
    assert passed == pytest.approx([1, 2], abs=0.001)
    assert calls == [(1, pytest.approx(1, abs=0.001)), (3, pytest.approx(3, abs=0.001))]


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_clock_that_is_set_moves_no_timer_that_was_set_before(scheduler, clock, jump):
    calls = []
    clock.call_at(START + 5, lambda: calls.append("before"))
    clock.jump(jump)
    assert clock.now() == pytest.approx(START + jump, abs=0.001)
    clock.call_at(START + jump + 6, lambda: calls.append("after"))
    clock.advance(4)
    scheduler.run_until_idle()
    assert calls == []
    clock.advance(1)
    scheduler.run_until_idle()
    assert calls == ["before"]
    clock.advance(1)
    scheduler.run_until_idle()
    assert calls == ["before", "after"]


def test_a_timer_that_fails_harms_no_other(scheduler, clock, caplog):
    calls = []
    clock.call_at(START, lambda: 1 / 0)
    clock.call_at(START + 1, lambda: calls.append(1))
    clock.advance(2)
    scheduler.run_until_idle()
    assert calls == [1]
    assert "a timer's call failed" in caplog.text


def test_a_sleep_is_a_future(scheduler):
    slept = scheduler.sleep(3)
    scheduler.advance(2)
    scheduler.run_until_idle()
    assert not slept.done()
    scheduler.advance(1)
    scheduler.run_until_idle()
    assert slept.get() is None


@pytest.mark.parametrize("end", [SimulatedClock.close, SimulatedClock.crash])
def test_a_clock_that_has_ended_makes_no_call_and_another_continues(scheduler, clock, end):
    calls = []
    clock.call_at(START + 1, lambda: calls.append("dropped"))
    clock.call_at(START, lambda: calls.append("dropped, though due"))
    clock.advance(10)
    end(clock)
    clock.call_at(START, lambda: calls.append("refused"))
    restarted = SimulatedClock(scheduler, now=clock.now())
    restarted.call_at(restarted.now(), lambda: calls.append("restarted"))
    scheduler.run_until_idle()
    assert calls == ["restarted"]
    assert restarted.now() == pytest.approx(START + 10, abs=0.001)
    assert restarted.advance_to_next() is None


def test_after_a_crash_of_all_nothing_runs(scheduler, clock):
    calls = []
    clock.call_at(START + 1, lambda: calls.append(1))
    clock.call_at(START, lambda: calls.append(2))
    scheduler.add(lambda: calls.append(3))
    scheduler.crash()
    scheduler.add(lambda: calls.append(4))
    clock.call_at(START, lambda: calls.append(5))
    clock.advance(5)
    with contextlib.suppress(RuntimeError):
        scheduler.run_until_idle()
    assert (calls, scheduler.ready, clock.advance_to_next()) == ([], 0, None)
