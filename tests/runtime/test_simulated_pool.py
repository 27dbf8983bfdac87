"""A simulated pool keeps the promises of the real one, without a thread, a loop or time."""

import asyncio
import contextlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.runtime.actor import DispatchedActor
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.interfaces import Pool
from recursor.runtime.pool import TaskAbandonedError, TaskPool
from recursor.runtime.simulated import Scheduler, SimulatedDispatcher
from recursor.runtime.simulated_pool import SimulatedPool


@pytest.fixture
def scheduler():
    return Scheduler(1)


def run_to_end(scheduler):
    scheduler.run_until_idle()
    while scheduler.advance_to_next() is not None:
        scheduler.run_until_idle()


def test_both_kinds_are_pools(scheduler):
    kinds: list[Pool] = [SimulatedPool(scheduler, 1), TaskPool(1, "real")]
    assert [kind.limit for kind in kinds] == [1, 1]


def test_functions_and_coroutines_run_as_steps_on_this_thread(scheduler):
    pool = SimulatedPool(scheduler, 2)

    async def later(task):
        await scheduler.sleep(5)
        return task, threading.current_thread()

    function = pool.submit(lambda task: (task, threading.current_thread()), priority=5)
    coroutine = pool.submit_coroutine(later, priority=5)
    assert pool.load == (0, 2, 0)
    scheduler.run_until_idle()
    assert function.future.get() == (function, threading.current_thread())
    assert not coroutine.future.done()
    scheduler.advance(5)
    scheduler.run_until_idle()
    assert coroutine.future.get() == (coroutine, threading.current_thread())
    assert pool.load == (0, 0, 0)


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError])
def test_what_the_work_raises_is_set(scheduler, error):
    pool = SimulatedPool(scheduler, 1)

    def fail(_task):
        raise error("on purpose")

    async def fail_later(task):
        await asyncio.sleep(0)
        fail(task)

    tasks = [pool.submit(fail, priority=5), pool.submit_coroutine(fail_later, priority=5)]
    scheduler.run_until_idle()
    assert [type(task.future.exception()) for task in tasks] == [error, error]
    assert pool.load == (0, 0, 0)


def test_a_coroutine_may_await_the_answer_of_an_actor(scheduler):
    class Echo(DispatchedActor):
        listed = False

        def on_receive(self, message):
            return message

    ref = Echo.start(dispatcher=SimulatedDispatcher(scheduler))

    async def ask(_task):
        return await ref.ask("hello", block=False)

    task = SimulatedPool(scheduler, 1).submit_coroutine(ask, priority=5)
    scheduler.run_until_idle()
    assert task.future.get() == "hello"


def test_a_coroutine_cannot_await_an_event_loop(scheduler):
    async def wait(_task):
        await _Foreign()

    task = SimulatedPool(scheduler, 1).submit_coroutine(wait, priority=5)
    scheduler.run_until_idle()
    with pytest.raises(TypeError, match="only a DispatchedFuture"):
        task.future.get()


class _Foreign:
    def __await__(self):
        yield self


@given(st.integers(), st.lists(st.integers(0, 10), max_size=20))
def test_the_most_urgent_begins_first_and_of_equal_priority_the_first(seed, priorities):
    scheduler, begun = Scheduler(seed), []
    pool = SimulatedPool(scheduler, 1)
    first = pool.submit_coroutine(lambda _: _wait_for(scheduler.sleep(1)), priority=10)
    scheduler.run_until_idle()
    for number, priority in enumerate(priorities):
        pool.submit(lambda _, number=number: begun.append(number), priority=priority)
    assert pool.load == (len(priorities), 1, 0)
    run_to_end(scheduler)
    assert first.future.done()
    assert begun == sorted(range(len(priorities)), key=lambda number: (-priorities[number], number))


async def _wait_for(future):
    return await future


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(),
    limit=st.integers(1, 3),
    kinds=st.lists(
        st.tuples(st.sampled_from(["function", "coroutine", "aside"]), st.integers(0, 10)), max_size=20
    ),
    fates=st.lists(
        st.tuples(st.sampled_from(["take back", "abandon"]), st.integers(0, 19), st.integers(0, 5)),
        max_size=10,
    ),
)
def test_whatever_becomes_of_tasks_there_are_never_too_many_and_no_place_is_lost(seed, limit, kinds, fates):
    def play():
        scheduler, notes, inside = Scheduler(seed), [], []
        pool = SimulatedPool(scheduler, limit)

        @contextlib.contextmanager
        def counted(task, name):
            notes.append(name)
            inside.append(task)
            assert sum(not one.future.done() for one in inside) <= limit
            try:
                yield
            finally:
                inside.remove(task)

        def function(task, name):
            with counted(task, name):
                return "done"

        async def coroutine(task, name):
            with counted(task, name):
                await scheduler.sleep(1)
            return "done"

        async def aside(task, name):
            with counted(task, name):
                await asyncio.sleep(0)
            async with task.aside():
                await scheduler.sleep(1)
            with counted(task, name):
                await scheduler.sleep(1)
            return "done"

        work = {"function": function, "coroutine": coroutine, "aside": aside}

        def submit(number, kind, priority):
            submitted = pool.submit if kind == "function" else pool.submit_coroutine
            return submitted(lambda task: work[kind](task, number), priority=priority)

        tasks = [submit(number, kind, priority) for number, (kind, priority) in enumerate(kinds)]
        for fate, number, at in fates:
            if number < len(tasks):
                meet = tasks[number].take_back if fate == "take back" else tasks[number].abandon
                scheduler.call_after(at, meet)
        run_to_end(scheduler)
        for task in tasks:
            assert task.future.done()
            with contextlib.suppress(TaskAbandonedError):
                assert task.future.get() == "done"
        assert pool.load == (0, 0, 0)
        assert inside == []
        return notes

    assert play() == play()


def test_an_abandoned_coroutine_is_cancelled_every_two_seconds_until_it_ends(scheduler):
    pool, cancelled = SimulatedPool(scheduler, 1), []

    async def stubborn(_task):
        while len(cancelled) < 3:
            try:
                await scheduler.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(scheduler.elapsed)
        return "too late"

    task = pool.submit_coroutine(stubborn, priority=5)
    scheduler.run_until_idle()
    task.abandon()
    assert isinstance(task.future.exception(), TaskAbandonedError)
    assert pool.load == (0, 0, 1)
    run_to_end(scheduler)
    assert cancelled == [0, 2, 4]
    assert pool.load == (0, 0, 0)


def test_what_a_cancelled_coroutine_no_longer_awaits_does_not_wake_it(scheduler):
    pool, first, second, woken = SimulatedPool(scheduler, 1), DispatchedFuture(), DispatchedFuture(), []

    async def persist(_task):
        with contextlib.suppress(asyncio.CancelledError):
            await first
        woken.append(await second)

    task = pool.submit_coroutine(persist, priority=5)
    scheduler.run_until_idle()
    task.abandon()
    scheduler.run_until_idle()
    first.set("not awaited any more")
    scheduler.run_until_idle()
    assert woken == []
    second.set("awaited")
    scheduler.run_until_idle()
    assert woken == ["awaited"]


def test_while_tasks_are_held_none_begins(scheduler):
    pool = SimulatedPool(scheduler, 1)
    ready = pool.submit(lambda _: "ready", priority=5)
    pool.hold()
    waiting = pool.submit(lambda _: "waiting", priority=9)
    scheduler.run_until_idle()
    assert not ready.future.done()
    assert not waiting.future.done()
    pool.release()
    scheduler.run_until_idle()
    assert (ready.future.get(), waiting.future.get()) == ("ready", "waiting")


def test_shutdown_cancels_and_calls_hooks_the_last_first(scheduler, caplog):
    pool, notes = SimulatedPool(scheduler, 1), []

    async def stand(_task):
        try:
            await DispatchedFuture()
        finally:
            notes.append("cancelled")

    def hook(name):
        async def close():
            notes.append(name)
            if name == "second":
                raise ValueError("on purpose")

        return close

    running = pool.submit_coroutine(stand, priority=5)
    scheduler.run_until_idle()
    queued = pool.submit(lambda _: "never", priority=5)
    for name in ("first", "second", "third"):
        pool.call_at_end(hook(name))
    assert pool.shutdown(timeout=0)
    assert notes == ["cancelled", "third", "second", "first"]
    assert "a hook failed" in caplog.text
    late = pool.submit(lambda _: "too late", priority=5)
    for task in (running, queued, late):
        assert isinstance(task.future.exception(), TaskAbandonedError)
    assert scheduler.run_until_idle() >= 0


def test_shutdown_tells_if_a_coroutine_sleeps_while_it_is_cancelled(scheduler):
    pool = SimulatedPool(scheduler, 1)

    async def slow_to_end(_task):
        try:
            await DispatchedFuture()
        finally:
            await scheduler.sleep(1)

    pool.submit_coroutine(slow_to_end, priority=5)
    scheduler.run_until_idle()
    assert not pool.shutdown(timeout=0)
    run_to_end(scheduler)
    assert pool.shutdown(timeout=0)


def test_after_a_crash_no_task_runs_and_no_future_is_done(scheduler):
    pool, notes = SimulatedPool(scheduler, 2), []

    async def untidy(task):
        try:
            async with task.aside():
                notes.append("began")
                await scheduler.sleep(1)
        finally:
            await scheduler.sleep(1)
            notes.append("never")

    tasks = [
        pool.submit_coroutine(untidy, priority=5),
        pool.submit_coroutine(untidy, priority=5),
    ]
    scheduler.run_until_idle()
    tasks.append(pool.submit(notes.append, priority=5))
    tasks[0].abandon()
    pool.crash()
    tasks.append(pool.submit(notes.append, priority=5))
    run_to_end(scheduler)
    assert notes == ["began", "began"]
    assert [task.future.done() for task in tasks] == [True, False, False, False]
