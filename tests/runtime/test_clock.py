"""Timers are called once, in the order of their times, on time; and not after they were cancelled."""

import gc
import itertools
import math
import threading
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.runtime.clock import MOST_CANCELLED, ManualClock, SystemClock

WAIT = 180


def until(condition, what):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0)


@pytest.fixture
def timer_threads():
    """Returns the threads of clocks that this test has begun."""
    before = set(threading.enumerate())
    return lambda: [
        each for each in threading.enumerate() if each.name == "recursor-timers" and each not in before
    ]


@pytest.fixture
def clock(timer_threads):
    made = SystemClock()
    yield made
    made.close()
    until(lambda: not timer_threads(), "the end of the clock's thread")


# -- The machine's clock ---------------------------------------------------------------------------------


def test_calls_are_made_in_the_order_of_their_times(clock):
    calls, done, start = [], threading.Event(), clock.now()
    for delay in (0.06, 0.02, 0.04):
        clock.call_at(start + delay, lambda delay=delay: calls.append((delay, clock.now())))
    clock.call_at(start + 0.08, done.set)
    assert done.wait(WAIT)

    assert [delay for delay, _ in calls] == [0.02, 0.04, 0.06]
    # The two clocks of the machine, which are compared here, agree within less than this.
    assert all(at >= start + delay - 0.005 for delay, at in calls)


def test_a_call_that_is_due_already_is_made_at_once(clock):
    done = threading.Event()
    clock.call_at(0.0, done.set)
    assert done.wait(WAIT)


def test_an_earlier_call_that_is_added_later_does_not_wait_for_the_later_one(clock):
    late, early = threading.Event(), threading.Event()
    clock.call_at(clock.now() + 3600, late.set)
    clock.call_at(clock.now() + 0.01, early.set)
    assert early.wait(WAIT)
    assert not late.is_set()


def test_a_call_may_ask_for_another(clock):
    done = threading.Event()
    clock.call_at(clock.now(), lambda: clock.call_at(clock.now(), done.set))
    assert done.wait(WAIT)


def test_a_cancelled_call_is_not_made(clock):
    calls, done = [], threading.Event()
    timers = [clock.call_at(clock.now() + 0.01, lambda: calls.append(1)) for _ in range(3)]
    for timer in timers:
        timer.cancel()
        timer.cancel()
    clock.call_at(clock.now() + 0.02, done.set)
    assert done.wait(WAIT)
    assert calls == []


def test_a_call_that_raises_harms_no_other(clock, caplog):
    done = threading.Event()
    clock.call_at(clock.now(), lambda: 1 / 0)
    clock.call_at(clock.now() + 0.01, done.set)
    assert done.wait(WAIT)
    assert "a timer's call failed" in caplog.text


@pytest.mark.parametrize("far", [1e10, 1e18, 1e300, math.inf])
def test_a_call_in_a_very_far_future_harms_no_other(clock, far):
    done = threading.Event()
    clock.call_at(clock.now() + far, lambda: None)
    # Its turn to be waited for comes when the nearer one is done.
    clock.call_at(clock.now() + 0.01, lambda: clock.call_at(clock.now() + 0.02, done.set))
    assert done.wait(WAIT)
    later = threading.Event()
    clock.call_at(clock.now() + 0.01, later.set)
    assert later.wait(WAIT)


def test_after_its_end_a_clock_makes_no_more_calls(timer_threads):
    clock, calls = SystemClock(), []
    clock.call_at(clock.now() + 0.01, lambda: calls.append(1))
    clock.close()
    clock.close()
    clock.call_at(clock.now(), lambda: calls.append(2))
    until(lambda: not timer_threads(), "the end of its thread")
    assert calls == []


def test_a_clock_that_nobody_asks_for_a_call_has_no_thread(timer_threads):
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 1
    assert timer_threads() == []
    clock.close()


def test_what_is_cancelled_is_forgotten_long_before_its_time(clock):
    class Thing:
        def call(self):
            pass

    things = [Thing() for _ in range(2 * MOST_CANCELLED + 10)]
    left = [weakref.ref(thing) for thing in things]
    for thing in things:
        clock.call_at(clock.now() + 3600, thing.call).cancel()
    del thing
    things.clear()
    gc.collect()

    assert sum(ref() is not None for ref in left) == 0
    assert len(clock._heap) <= MOST_CANCELLED + 1


def test_timers_that_are_set_and_cancelled_by_many_threads_are_all_made_or_not(clock):
    made, lock = [], threading.Lock()
    done = threading.Barrier(5)

    def work(number):
        for index in range(200):
            key = (number, index)

            def call(key=key):
                with lock:
                    made.append(key)

            timer = clock.call_at(clock.now() + 0.001 * (index % 7), call)
            if index % 2:
                # Too late now and then: then it has been made.
                timer.cancel()
        done.wait(WAIT)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    done.wait(WAIT)
    wanted = set(itertools.product(range(4), range(0, 200, 2)))
    until(lambda: wanted <= set(made), "all calls that were not cancelled")
    assert len(made) == len(set(made))


# -- The clock of tests ----------------------------------------------------------------------------------


def test_the_manual_clock_stands_still_but_for_what_tells_its_readings_apart():
    clock = ManualClock(1000.0)
    first, second = clock.now(), clock.now()
    assert 1000 < first < second < 1000.001


def test_the_manual_clock_makes_calls_when_it_is_advanced_each_at_its_time():
    clock, calls = ManualClock(1000.0), []
    for delay in (3, 1, 2, 10):
        clock.call_at(1000 + delay, lambda: calls.append(clock.now()))
    assert clock.next_due() == 1001
    clock.advance(0.5)
    assert calls == []
    clock.advance(4.5)

    assert calls == pytest.approx([1001, 1002, 1003], abs=0.001)
    assert clock.now() == pytest.approx(1005, abs=0.001)
    assert clock.next_due() == 1010


def test_the_manual_clock_makes_calls_that_calls_ask_for_within_the_same_advance():
    clock, calls = ManualClock(1000.0), []

    def tick():
        calls.append(round(clock.now()))
        clock.call_at(calls[-1] + 2, tick)

    clock.call_at(1002, tick)
    clock.advance(9)
    assert calls == [1002, 1004, 1006, 1008]


def test_the_manual_clock_makes_what_is_due_already_at_the_next_advance():
    clock, calls = ManualClock(1000.0), []
    clock.call_at(5.0, lambda: calls.append(1))
    assert calls == []
    clock.advance(0)
    assert calls == [1]


def test_the_manual_clock_forgets_on_cancel_and_close():
    clock, calls = ManualClock(1000.0), []
    clock.call_at(1001, lambda: calls.append(1)).cancel()
    clock.call_at(1002, lambda: calls.append(2))
    assert clock.next_due() == 1002
    clock.close()
    clock.advance(10)
    assert (calls, clock.next_due()) == ([], None)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30),
    st.lists(st.integers(0, 5), max_size=10),
)
def test_the_manual_clock_agrees_with_a_sorted_list(timers, steps):
    clock, calls = ManualClock(0.0), []
    for number, (due, cancelled) in enumerate(timers):
        timer = clock.call_at(float(due), lambda key=(due, number): calls.append(key))
        if cancelled:
            timer.cancel()
    for step in steps:
        clock.advance(step)
    wanted = sorted(
        (due, n) for n, (due, cancelled) in enumerate(timers) if not cancelled and due <= sum(steps)
    )

    assert calls == (wanted if steps else [])
