"""A future answers like Pykka's, calls back exactly once, and many become one without a waiting thread."""

import asyncio
import contextlib
import queue
import sys
import threading
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pykka import Timeout, get_all

from recursor.runtime.future import DispatchedFuture, fan_in

WAIT = 180


def failed(error):
    future = DispatchedFuture()
    try:
        raise error
    except type(error):
        future.set_exception()
    return future


def test_get_in_another_thread_wakes_when_the_value_is_set():
    future, seen = DispatchedFuture(), queue.SimpleQueue()
    getter = threading.Thread(target=lambda: seen.put(future.get(timeout=WAIT)))
    getter.start()
    future.set("value")

    assert seen.get(timeout=WAIT) == "value"
    getter.join(WAIT)


def test_get_times_out_and_may_be_tried_again():
    future = DispatchedFuture()
    for timeout in (0, -1, 0.001):
        with pytest.raises(Timeout, match="seconds"):
            future.get(timeout=timeout)
    future.set(1)

    assert future.get(timeout=0) == 1
    assert future.get(timeout=1e12) == 1


def test_a_get_that_timed_out_leaves_nothing_behind():
    future = DispatchedFuture()
    with pytest.raises(Timeout):
        future.get(timeout=0.001)

    assert future._callbacks == []


@pytest.mark.parametrize("second", [lambda f: f.set(2), lambda f: f.set_exception((ValueError, None, None))])
def test_only_the_first_value_is_taken(second):
    future = DispatchedFuture()
    future.set(1)

    with pytest.raises(queue.Full):
        second(future)
    assert future.get() == 1


def test_get_raises_the_exception_each_time_with_where_it_came_from():
    future = failed(ValueError("wrong"))

    for _ in range(3):
        with pytest.raises(ValueError, match="wrong") as raised:
            future.get()
        frames = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
        assert frames.count("failed") == 1


def test_an_exception_may_be_given_by_its_class_alone():
    future = DispatchedFuture()
    future.set_exception((KeyError, None, None))

    with pytest.raises(KeyError):
        future.get()


def test_done_and_exception_tell_how_it_went_without_raising():
    pending, good, bad = DispatchedFuture(), DispatchedFuture(), failed(ValueError("wrong"))
    good.set(None)

    assert [future.done() for future in (pending, good, bad)] == [False, True, True]
    assert good.exception() is None
    assert isinstance(bad.exception(), ValueError)
    with pytest.raises(Timeout):
        pending.exception()


def test_a_callback_is_called_with_the_future_in_the_thread_that_completes_it():
    future, calls = DispatchedFuture(), []
    future.add_done_callback(lambda done: calls.append((done, threading.current_thread())))
    setter = threading.Thread(target=lambda: future.set(1))
    setter.start()
    setter.join(WAIT)

    assert calls == [(future, setter)]


def test_a_callback_for_a_future_that_is_done_is_called_at_once():
    future, calls = failed(ValueError()), []
    future.add_done_callback(calls.append)

    assert calls == [future]


def test_callbacks_are_called_in_order_and_one_that_fails_harms_nobody(caplog):
    future, calls = DispatchedFuture(), []
    future.add_done_callback(lambda _: calls.append("first"))
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(lambda _: calls.append("last"))
    future.set(1)

    assert calls == ["first", "last"]
    assert "A callback of a future failed" in caplog.text


def test_callbacks_of_a_future_with_a_get_hook_wait_for_a_get():
    future, calls, computed = DispatchedFuture(), [], []
    future.set_get_hook(lambda timeout: computed.append(timeout) or "computed")
    future.add_done_callback(calls.append)
    assert calls == []

    assert [future.get(timeout=3), future.get()] == ["computed", "computed"]
    assert calls == [future]
    assert computed == [3]


def test_a_get_hook_that_fails_is_tried_again():
    future, calls, answers = DispatchedFuture(), [], iter([Timeout("later"), "value"])

    def hook(_timeout):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    future.set_get_hook(hook)
    future.add_done_callback(calls.append)
    with pytest.raises(Timeout):
        future.get()
    assert calls == []
    assert future.get() == "value"
    assert calls == [future]


def test_a_get_hook_runs_once_for_two_threads_that_get():
    future, began, go_on, computed = DispatchedFuture(), threading.Event(), threading.Event(), []

    def hook(_timeout):
        computed.append(1)
        began.set()
        assert go_on.wait(WAIT)
        return "value"

    future.set_get_hook(hook)
    seen = queue.SimpleQueue()
    getters = [threading.Thread(target=lambda: seen.put(future.get())) for _ in range(2)]
    getters[0].start()
    assert began.wait(WAIT)
    getters[1].start()
    go_on.set()

    assert [seen.get(timeout=WAIT) for _ in getters] == ["value", "value"]
    assert computed == [1]
    for getter in getters:
        getter.join(WAIT)


def test_of_many_setters_one_wins_and_each_callback_is_called_once(hurried_threads):
    rounds, setters, adders = 300, 2, 2
    for _ in range(rounds):
        future, calls, won = DispatchedFuture(), queue.SimpleQueue(), queue.SimpleQueue()
        together = threading.Barrier(setters + adders)

        def set_it(number, future=future, won=won, together=together):
            together.wait(WAIT)
            try:
                future.set(number)
                won.put(number)
            except queue.Full:
                pass

        def add(future=future, calls=calls, together=together):
            together.wait(WAIT)
            future.add_done_callback(calls.put)

        threads = [threading.Thread(target=set_it, args=(number,)) for number in range(setters)]
        threads += [threading.Thread(target=add) for _ in range(adders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)

        assert won.qsize() == 1
        assert future.get() == won.get()
        assert calls.qsize() == adders


def test_a_callback_that_was_taken_back_is_not_called():
    future, calls = DispatchedFuture(), []
    future.add_done_callback(calls.append)
    future.remove_done_callback(calls.append)
    future.remove_done_callback(calls.append)
    future.set(1)

    assert calls == []


@pytest.mark.parametrize("done_before", [True, False])
def test_coroutines_of_any_event_loop_can_await_it(done_before):
    future = DispatchedFuture()
    setter = threading.Thread(target=lambda: future.set("value"))

    async def wait():
        return await asyncio.gather(later(), later())

    async def later():
        return await asyncio.wait_for(future, WAIT)

    async def start_and_wait():
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        if not done_before:
            setter.start()
        return await waiting

    if done_before:
        setter.start()
        setter.join(WAIT)
    assert asyncio.run(start_and_wait()) == ["value", "value"]
    setter.join(WAIT)


def test_to_await_it_raises_what_was_set_as_the_exception():
    async def wait():
        return await failed(ValueError("wrong"))

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(wait())


def test_an_await_that_was_given_up_leaves_nothing_behind():
    future = DispatchedFuture()

    async def give_up():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(future, 0.001)

    asyncio.run(give_up())
    assert future._callbacks == []
    future.set(1)


def test_a_future_that_is_done_after_the_loop_was_closed_harms_nobody():
    future = DispatchedFuture()
    waiting = wait_for(future)
    loop = asyncio.new_event_loop()
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    future.set(1)

    with contextlib.suppress(StopIteration):
        waiting.throw(asyncio.CancelledError())
    assert not task.done()
    # Nobody is to be told of it.
    task._log_destroy_pending = False


async def wait_for(future):
    with contextlib.suppress(asyncio.CancelledError):
        return await future


def test_without_an_event_loop_a_coroutine_yields_the_future_that_it_awaits():
    future = DispatchedFuture()
    waiting = wait_for(future)
    assert waiting.send(None) is future
    future.set("value")

    with pytest.raises(StopIteration) as ended:
        waiting.send(None)
    assert ended.value.value == "value"


def test_fan_in_of_nothing_is_done():
    assert fan_in([]).get(timeout=0) == []


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_fan_in_has_all_results_in_their_order_whatever_comes_first(order, failing):
    futures = [DispatchedFuture() for _ in order]
    everything = fan_in(futures)
    errors = {number: ValueError(number) for number in failing}
    for number in order:
        assert not everything.done()
        if number in errors:
            futures[number].set_exception((ValueError, errors[number], None))
        else:
            futures[number].set(number)

    assert everything.get(timeout=0) == [errors.get(number, number) for number in range(5)]


def test_fan_in_of_futures_completed_by_many_threads_is_done_once(hurried_threads):
    for _ in range(200):
        futures = [DispatchedFuture() for _ in range(4)]
        everything, together = fan_in(futures), threading.Barrier(4)

        def complete(future, together=together):
            together.wait(WAIT)
            future.set("done")

        threads = [threading.Thread(target=complete, args=(future,)) for future in futures]
        for thread in threads:
            thread.start()

        assert everything.get(timeout=WAIT) == ["done"] * 4
        for thread in threads:
            thread.join(WAIT)


def test_pykkas_get_all_takes_them():
    futures = [DispatchedFuture() for _ in range(2)]
    for future in futures:
        future.set(1)

    assert get_all(futures) == [1, 1]


def test_a_future_is_small():
    assert sys.getsizeof(DispatchedFuture()) < 100
