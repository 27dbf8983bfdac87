"""A pool runs functions on threads and coroutines on one loop, the most urgent first, and never too many."""

import asyncio
import contextlib
import contextvars
import ctypes
import logging
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.runtime import task_threads
from recursor.runtime.pool import PoolTask, TaskAbandonedError, TaskPool

WAIT = 180


def threads_of(pool):
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"{pool.name}-")]


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0)


def occupy(pool, gate, priority=10):
    task = pool.submit(gate, priority=priority)
    gate.wait_entered()
    return task


class Standing:
    """A coroutine that stays where it is until the test lets it continue."""

    def __init__(self):
        self.begun = threading.Event()
        self.cancelled = threading.Event()
        self.go_on = None
        self.task = None

    async def __call__(self, task):
        self.task, self.loop, self.go_on = task, asyncio.get_running_loop(), asyncio.Event()
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "went on"

    def wait_begun(self):
        assert self.begun.wait(WAIT)

    def release(self):
        self.loop.call_soon_threadsafe(self.go_on.set)


class Aside(Standing):
    """Stands aside, and notes when it is back."""

    def __init__(self, back, name):
        super().__init__()
        self.back = back
        self.name = name

    async def __call__(self, task):
        async with task.aside():
            await super().__call__(task)
        self.back.append(self.name)


def stand_aside(pool, back, name, priority=5):
    aside = Aside(back, name)
    task = pool.submit_coroutine(aside, priority=priority)
    aside.wait_begun()
    return aside, task


# -- Outcomes --------------------------------------------------------------------------------------------


def submit_async(pool, work, priority=5):
    async def run(task):
        return work(task)

    return pool.submit_coroutine(run, priority=priority)


def submit_plain(pool, work, priority=5):
    return pool.submit(work, priority=priority)


both_kinds = pytest.mark.parametrize("submit", [submit_plain, submit_async])


@both_kinds
def test_the_future_has_what_the_work_returns_which_is_called_with_its_task(make_pool, submit):
    pool = make_pool()
    task = submit(pool, lambda task: (task, threading.current_thread().name))
    given, thread = task.future.get(timeout=WAIT)
    assert given is task
    assert isinstance(task, PoolTask)
    assert thread.startswith(f"{pool.name}-")


@both_kinds
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_what_the_work_raises_is_set_and_harms_nobody(make_pool, submit, error):
    pool = make_pool()

    def fail(_task):
        raise error("on purpose")

    task = submit(pool, fail)
    until(task.future.done)
    assert type(task.future.exception()) is error
    assert submit(pool, lambda _: "next").future.get(timeout=WAIT) == "next"
    assert pool.load == (0, 0, 0)
    assert len(threads_of(pool)) == 1


def test_work_that_makes_no_coroutine_fails_its_task(make_pool):
    with pytest.raises(TypeError, match="await"):
        make_pool().submit_coroutine(lambda _: 3, priority=5).future.get(timeout=WAIT)


def test_a_task_that_user_code_starts_beside_its_coroutine_cannot_end_the_loop(make_pool, caplog):
    pool = make_pool()

    async def end():
        raise SystemExit(3)

    async def start(_task):
        stray = asyncio.get_running_loop().create_task(end())
        with contextlib.suppress(SystemExit):
            await stray
        return "still here"

    assert pool.submit_coroutine(start, priority=5).future.get(timeout=WAIT) == "still here"
    assert "was interrupted and continues" in caplog.text


def test_coroutines_begin_in_a_context_of_their_own(make_pool):
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("of the caller")
    pool = make_pool()

    async def see_and_set(_task):
        before = variable.get()
        variable.set("of another task")
        return before

    seen = [pool.submit_coroutine(see_and_set, priority=5).future.get(timeout=WAIT) for _ in range(2)]
    assert seen == ["none", "none"]


def test_callbacks_may_submit_and_abandon(make_pool):
    pool, third = make_pool(1), threading.Event()
    waiting = []

    def then(_done):
        waiting[0].abandon()
        pool.submit(lambda _: third.set(), priority=0)

    first = pool.submit(lambda _: until(lambda: waiting), priority=5)
    first.future.add_done_callback(then)
    waiting.append(pool.submit(lambda _: "never", priority=0))
    assert third.wait(WAIT)
    assert isinstance(waiting[0].future.exception(), TaskAbandonedError)
    until(lambda: pool.load == (0, 0, 0))
    assert len(threads_of(pool)) == 1


# -- Limit and order -------------------------------------------------------------------------------------


def test_threads_are_started_on_demand_and_not_more_than_allowed(make_pool):
    pool = make_pool(3)
    assert threads_of(pool) == []
    pool.submit(lambda _: None, priority=5).future.get(timeout=WAIT)
    assert len(threads_of(pool)) == 1
    for task in [pool.submit(lambda _: time.sleep(0), priority=5) for _ in range(50)]:
        task.future.get(timeout=WAIT)
    assert len(threads_of(pool)) <= 3


def test_two_hundred_coroutines_need_one_thread(make_pool):
    pool, standing = make_pool(200), [Standing() for _ in range(200)]
    tasks = [pool.submit_coroutine(one, priority=5) for one in standing]
    for one in standing:
        one.wait_begun()
    assert pool.load == (0, 200, 0)
    assert len(threads_of(pool)) == 1
    for one in standing:
        one.release()
    assert {task.future.get(timeout=WAIT) for task in tasks} == {"went on"}


def test_functions_and_coroutines_share_the_limit(make_pool, make_gate):
    pool, gate, standing, second = make_pool(2), make_gate(), Standing(), make_gate()
    function = occupy(pool, gate)
    coroutine = pool.submit_coroutine(standing, priority=5)
    standing.wait_begun()
    later = pool.submit(second, priority=5)
    assert pool.load == (1, 2, 0)
    assert not second.entered.is_set()
    standing.release()
    second.wait_entered()
    assert pool.load == (0, 2, 0)
    gate.open()
    second.open()
    for task in (function, coroutine, later):
        task.future.get(timeout=WAIT)


def test_clients_are_those_for_whom_tasks_run(make_pool, make_gate):
    pool, gate, standing = make_pool(2), make_gate(), Standing()
    coroutine = pool.submit_coroutine(standing, priority=5, client="a")
    standing.wait_begun()
    function = pool.submit(gate, priority=5, client="b")
    gate.wait_entered()
    waiting = pool.submit(gate, priority=5, client="c")
    assert pool.clients() == {"a", "b"}
    waiting.abandon()
    gate.open()
    standing.release()
    for task in (coroutine, function):
        task.future.get(timeout=WAIT)
    until(lambda: not pool.clients())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), max_size=30))
def test_the_most_urgent_begins_first_and_of_equal_priority_the_first(make_pool, make_gate, submissions):
    pool, gate, begun = make_pool(1), make_gate(), []
    occupy(pool, gate)
    tasks = [
        (submit_async if is_async else submit_plain)(pool, lambda _, n=number: begun.append(n), priority)
        for number, (priority, is_async) in enumerate(submissions)
    ]
    assert pool.load.queued == len(submissions)
    gate.open()
    for task in tasks:
        task.future.get(timeout=WAIT)
    assert begun == sorted(range(len(submissions)), key=lambda number: (-submissions[number][0], number))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 3),
    kinds=st.lists(
        st.tuples(st.sampled_from(["function", "coroutine", "aside"]), st.integers(0, 10)), max_size=40
    ),
    fates=st.lists(st.sampled_from(["take back", "abandon", "nothing", "nothing"]), max_size=40),
)
def test_whatever_becomes_of_tasks_there_are_never_too_many_and_no_place_is_lost(
    hurried_threads, make_pool, limit, kinds, fates
):
    pool, inside, most, lock = make_pool(limit), [], [], threading.Lock()

    @contextlib.contextmanager
    def counted(task):
        with lock:
            inside.append(task)
            # One that was abandoned has lost its slot, whether it has noticed or not.
            most.append(sum(not one.future.done() for one in inside))
        try:
            yield
        finally:
            with lock:
                inside.remove(task)

    def function(task):
        with counted(task):
            time.sleep(0)
        return "done"

    async def coroutine(task):
        with counted(task):
            await asyncio.sleep(0)
        return "done"

    async def aside(task):
        with counted(task):
            await asyncio.sleep(0)
        async with task.aside():
            await asyncio.sleep(0)
        with counted(task):
            await asyncio.sleep(0)
        return "done"

    def submit(kind, priority):
        if kind == "function":
            return pool.submit(function, priority=priority)
        return pool.submit_coroutine(coroutine if kind == "coroutine" else aside, priority=priority)

    tasks = [submit(*kind) for kind in kinds]
    taken_back = []
    for task, fate in zip(tasks, fates, strict=False):
        if fate == "take back" and task.take_back():
            taken_back.append(task)
        elif fate == "abandon":
            task.abandon()
    for task in tasks:
        with contextlib.suppress(TaskAbandonedError):
            assert task.future.get(timeout=WAIT) == "done"
            assert task not in taken_back
    until(lambda: pool.load == (0, 0, 0))
    assert max(most, default=0) <= limit
    # All slots are there.
    together = threading.Barrier(limit)
    for task in [pool.submit(lambda _: together.wait(WAIT), priority=5) for _ in range(limit)]:
        task.future.get(timeout=WAIT)


# -- Taking back and abandoning --------------------------------------------------------------------------


def test_a_task_that_waits_can_be_taken_back_and_never_begins(make_pool, make_gate):
    pool, gate, begun = make_pool(), make_gate(), []
    running = occupy(pool, gate)
    waiting = [submit(pool, begun.append) for submit in (submit_plain, submit_async)]
    assert [task.take_back() for task in waiting] == [True, True]
    assert [task.take_back() for task in (*waiting, running)] == [False] * 3
    assert pool.load == (0, 1, 0)
    for task in waiting:
        with pytest.raises(TaskAbandonedError, match="withdrawn"):
            task.future.get(timeout=0)
    gate.open()
    running.future.get(timeout=WAIT)
    assert not running.take_back()
    assert begun == []


def test_an_abandoned_function_gives_its_place_back_and_its_thread_ends(make_pool, make_gate, caplog):
    pool, gate = make_pool(), make_gate()
    stuck = occupy(pool, gate)
    (thread,) = threads_of(pool)
    other = pool.submit(lambda _: "ran", priority=0)

    stuck.abandon()
    with pytest.raises(TaskAbandonedError, match="abandoned"):
        stuck.future.get(timeout=0)
    assert other.future.get(timeout=WAIT) == "ran"
    assert pool.load == (0, 0, 1)
    gate.open()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert pool.load == (0, 0, 0)
    assert isinstance(stuck.future.exception(), TaskAbandonedError)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_what_an_abandoned_function_raises_is_dropped(make_pool, make_gate, caplog, error):
    pool, gate = make_pool(), make_gate()

    def stick(task):
        gate(task)
        raise error

    stuck = pool.submit(stick, priority=5)
    gate.wait_entered()
    (thread,) = threads_of(pool)
    stuck.abandon()
    gate.open()
    thread.join(WAIT)
    assert isinstance(stuck.future.exception(), TaskAbandonedError)
    assert pool.submit(lambda _: "next", priority=5).future.get(timeout=WAIT) == "next"
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_an_abandoned_coroutine_is_cancelled(make_pool):
    pool, standing = make_pool(), Standing()
    task = pool.submit_coroutine(standing, priority=5)
    standing.wait_begun()
    task.abandon()
    assert isinstance(task.future.exception(), TaskAbandonedError)
    assert standing.cancelled.wait(WAIT)
    until(lambda: pool.load == (0, 0, 0))


def test_a_coroutine_that_is_abandoned_before_its_first_step_is_accounted_for(hurried_threads, make_pool):
    pool = make_pool()
    for _ in range(300):
        task = submit_async(pool, lambda _: None)
        task.abandon()
    until(lambda: pool.load == (0, 0, 0))


def test_a_coroutine_that_ignores_its_cancellation_loses_its_place_and_is_cancelled_again(
    make_pool, monkeypatch
):
    monkeypatch.setattr(task_threads, "CANCEL_AGAIN", 0.001)
    pool, begun, cancelled = make_pool(), threading.Event(), []

    async def stubborn(_task):
        begun.set()
        while len(cancelled) < 3:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(pool.load.running)
        return "too late"

    task = pool.submit_coroutine(stubborn, priority=5)
    assert begun.wait(WAIT)
    task.abandon()
    assert pool.submit(lambda _: "ran", priority=5).future.get(timeout=WAIT) == "ran"
    until(lambda: pool.load == (0, 0, 0))
    assert len(cancelled) == 3
    assert isinstance(task.future.exception(), TaskAbandonedError)


def test_to_abandon_what_has_ended_does_nothing(make_pool):
    task = make_pool().submit(lambda _: "done", priority=5)
    assert task.future.get(timeout=WAIT) == "done"
    task.abandon()
    assert task.future.get(timeout=0) == "done"


def test_abandoned_and_finished_at_the_same_time_is_one_or_the_other(hurried_threads, make_pool):
    pool = make_pool()
    for _ in range(200):
        together = threading.Barrier(2)
        task = pool.submit(lambda _, together=together: together.wait(WAIT) in (0, 1), priority=5)
        together.wait(WAIT)
        task.abandon()
        with contextlib.suppress(TaskAbandonedError):
            assert task.future.get(timeout=WAIT)
        assert pool.submit(lambda _: "next", priority=5).future.get(timeout=WAIT) == "next"
    until(lambda: pool.load == (0, 0, 0))


# -- Standing aside --------------------------------------------------------------------------------------


def test_others_run_while_one_stands_aside(make_pool):
    pool, back = make_pool(), []
    aside, first = stand_aside(pool, back, "first")
    assert pool.load == (0, 0, 0)
    pool.submit(lambda _: back.append("second"), priority=0).future.get(timeout=WAIT)
    assert back == ["second"]
    aside.release()
    first.future.get(timeout=WAIT)
    assert back == ["second", "first"]


def test_it_continues_when_there_is_a_place_before_others_of_its_priority(make_pool, make_gate):
    pool, gate, back = make_pool(), make_gate(), []
    aside, first = stand_aside(pool, back, "first")
    second = occupy(pool, gate)
    third = pool.submit(lambda _: back.append("third"), priority=5)
    urgent = pool.submit(lambda _: back.append("urgent"), priority=9)
    aside.release()
    until(lambda: pool.load == (3, 1, 0))
    gate.open()
    for task in (second, urgent, first, third):
        task.future.get(timeout=WAIT)
    assert back == ["urgent", "first", "third"]


def test_any_number_may_stand_aside_and_the_most_urgent_continues_first(make_pool, make_gate):
    pool, gate, back = make_pool(), make_gate(), []
    waiting = [stand_aside(pool, back, number, number) for number in (3, 8, 5)]
    occupy(pool, gate)
    for aside, _ in waiting:
        aside.release()
    until(lambda: pool.load.queued == 3)
    gate.open()
    for _, task in waiting:
        task.future.get(timeout=WAIT)
    assert back == [8, 5, 3]


def test_blocks_may_be_nested(make_pool):
    pool = make_pool()

    async def nested(task):
        async with task.aside():
            async with task.aside():
                inner = pool.load
            between = pool.load
        return inner, between, pool.load

    loads = pool.submit_coroutine(nested, priority=5).future.get(timeout=WAIT)
    assert [load.running for load in loads] == [0, 1, 1]


def test_parts_of_a_coroutine_that_stand_aside_together_come_back_together(make_pool):
    pool = make_pool()

    async def part(task):
        async with task.aside():
            await asyncio.sleep(0)
        return pool.load.running

    async def whole(task):
        return await asyncio.gather(*(part(task) for _ in range(3)))

    assert pool.submit_coroutine(whole, priority=5).future.get(timeout=WAIT) == [1, 1, 1]
    assert pool.load == (0, 0, 0)


def test_an_error_in_the_block_is_raised_and_leaves_the_slots_as_they_were(make_pool):
    pool = make_pool()

    async def fail(task):
        async with task.aside():
            raise RuntimeError("on purpose")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="on purpose"):
            pool.submit_coroutine(fail, priority=5).future.get(timeout=WAIT)
    assert pool.load == (0, 0, 0)


def test_one_that_is_abandoned_while_it_stands_aside_takes_no_slot(make_pool, make_gate):
    pool, gate = make_pool(), make_gate()
    aside, task = stand_aside(pool, [], "gone")
    running = occupy(pool, gate)
    task.abandon()
    assert aside.cancelled.wait(WAIT)
    until(lambda: pool.load == (0, 1, 0))
    gate.open()
    running.future.get(timeout=WAIT)
    assert pool.submit(lambda _: "next", priority=5).future.get(timeout=WAIT) == "next"


def test_one_that_is_abandoned_while_it_waits_for_its_place_leaves_the_queue(make_pool, make_gate):
    pool, gate, back = make_pool(), make_gate(), []
    aside, task = stand_aside(pool, back, "gone")
    running = occupy(pool, gate)
    aside.release()
    until(lambda: pool.load.queued == 1)
    task.abandon()
    until(lambda: pool.load == (0, 1, 0))
    gate.open()
    running.future.get(timeout=WAIT)
    assert back == []


def test_one_that_times_out_while_it_waits_for_its_place_continues_and_loses_none(make_pool, make_gate):
    pool, gate, standing = make_pool(), make_gate(), Standing()

    async def impatient(task):
        waits = asyncio.ensure_future(standing_aside(task))
        await standing_begun(standing)
        occupied.append(pool.submit(gate, priority=9))
        await asyncio.to_thread(gate.wait_entered)
        standing.go_on.set()
        while pool.load.queued == 0:
            await asyncio.sleep(0)
        waits.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waits
        gate.open()
        await occupied[0].future
        while pool.load.running == 0:
            await asyncio.sleep(0)
        return pool.load

    async def standing_aside(task):
        async with task.aside():
            await standing(task)

    async def standing_begun(standing):
        while standing.go_on is None:
            await asyncio.sleep(0)

    occupied = []
    assert pool.submit_coroutine(impatient, priority=5).future.get(timeout=WAIT) == (0, 1, 0)
    assert pool.load == (0, 0, 0)


# -- Holding ---------------------------------------------------------------------------------------------


def test_while_tasks_are_held_none_begins_and_none_continues(make_pool, make_gate):
    pool, gate, order = make_pool(2), make_gate(), []
    aside, first = stand_aside(pool, order, "aside")
    running = occupy(pool, gate)
    pool.hold()
    later = [submit(pool, lambda _: order.append("later"), 0) for submit in (submit_plain, submit_async)]
    aside.release()
    until(lambda: pool.load.queued == 3)
    gate.open()
    running.future.get(timeout=WAIT)
    assert pool.load == (3, 0, 0)
    pool.release()
    for task in (first, *later):
        task.future.get(timeout=WAIT)
    assert sorted(order) == ["aside", "later", "later"]


# -- The end ---------------------------------------------------------------------------------------------


def test_shutdown_waits_for_functions_cancels_coroutines_and_abandons_the_rest(make_gate):
    pool, gate, standing = TaskPool(2, "to-shut-down"), make_gate(), Standing()
    function = occupy(pool, gate)
    coroutine = pool.submit_coroutine(standing, priority=5)
    standing.wait_begun()
    queued = pool.submit(lambda _: "never", priority=5)
    ended = []
    ending = threading.Thread(target=lambda: ended.append(pool.shutdown(timeout=WAIT)))
    ending.start()
    with pytest.raises(TaskAbandonedError):
        queued.future.get(timeout=WAIT)
    with pytest.raises(TaskAbandonedError):
        coroutine.future.get(timeout=WAIT)
    gate.open()
    ending.join(WAIT)
    assert ended == [True]
    assert standing.cancelled.is_set()
    assert function.future.get(timeout=0) is None
    assert threads_of(pool) == []
    assert pool.load == (0, 0, 0)
    assert pool.shutdown(timeout=0)


@both_kinds
def test_after_shutdown_tasks_are_abandoned_at_once(submit):
    pool = TaskPool(1, "gone")
    submit(pool, lambda _: None).future.get(timeout=WAIT)
    assert pool.shutdown(timeout=WAIT)
    with pytest.raises(TaskAbandonedError, match="shut down"):
        submit(pool, lambda _: "never").future.get(timeout=0)


def test_shutdown_leaves_a_thread_that_is_stuck(make_gate):
    pool, gate = TaskPool(1, "stuck"), make_gate()
    task = occupy(pool, gate)
    (thread,) = threads_of(pool)
    assert thread.daemon
    assert not pool.shutdown(timeout=0)
    with pytest.raises(TaskAbandonedError):
        task.future.get(timeout=0)
    # What it knows to be stuck it does not wait for.
    assert pool.shutdown(timeout=WAIT)
    gate.open()
    thread.join(WAIT)


def test_shutdown_waits_no_longer_for_a_function_that_is_abandoned(make_gate):
    pool, gate, ended = TaskPool(1, "in-time"), make_gate(), []
    task = occupy(pool, gate)
    ending = threading.Thread(target=lambda: ended.append(pool.shutdown(timeout=WAIT)))
    ending.start()
    # The shutdown has begun when no task begins any more.
    until(lambda: bool(pool.submit(lambda _: None, priority=5).future.done()))
    task.abandon()
    ending.join(WAIT / 2)
    assert ended == [True]


def test_shutdown_does_not_wait_for_ever_for_a_coroutine_that_ignores_its_cancellation(monkeypatch):
    monkeypatch.setattr(task_threads, "CANCEL_AGAIN", 0.001)
    pool, begun, enough = TaskPool(1, "stubborn"), threading.Event(), threading.Event()

    async def stubborn(_task):
        begun.set()
        while not enough.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    pool.submit_coroutine(stubborn, priority=5)
    assert begun.wait(WAIT)
    assert not pool.shutdown(timeout=0.01)
    enough.set()
    assert pool.shutdown(timeout=WAIT)
    assert threads_of(pool) == []


@pytest.mark.parametrize("ran_before", [False, True])
def test_hooks_are_awaited_at_the_end_the_last_first_and_one_that_fails_harms_no_other(ran_before, caplog):
    pool, closed = TaskPool(1, "hooks"), []
    standing = Standing()
    if ran_before:
        pool.submit_coroutine(standing, priority=5)
        standing.wait_begun()

    def hook(name):
        async def close():
            await asyncio.sleep(0)
            closed.append((name, standing.cancelled.is_set()))
            if name == "second":
                raise ValueError("on purpose")

        return close

    for name in ("first", "second", "third"):
        pool.call_at_end(hook(name))
    assert pool.shutdown(timeout=WAIT)
    assert closed == [(name, ran_before) for name in ("third", "second", "first")]
    assert "a hook failed" in caplog.text
    assert threads_of(pool) == []


def test_what_user_code_left_running_on_the_loop_is_cancelled_at_the_end(make_pool, caplog):
    pool, cancelled = TaskPool(1, "strays"), threading.Event()
    strays = []

    async def stray():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def leave_behind(_task):
        strays.append(asyncio.get_running_loop().create_task(stray()))
        await asyncio.sleep(0)

    pool.submit_coroutine(leave_behind, priority=5).future.get(timeout=WAIT)
    assert pool.shutdown(timeout=WAIT)
    assert cancelled.is_set()


@both_kinds
def test_a_task_may_shut_down_the_pool_that_it_runs_in(submit):
    pool = TaskPool(2, "by-itself")
    pool.submit(lambda _: None, priority=5).future.get(timeout=WAIT)
    ended = threading.Event()

    def end(_task):
        pool.shutdown(timeout=WAIT)
        ended.set()

    submit(pool, end)
    assert ended.wait(WAIT)
    until(lambda: threads_of(pool) == [])


# -- Threads that die ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_killed_while_idle_is_replaced(make_pool):
    pool = make_pool()
    victim = pool.submit(lambda _: threading.current_thread(), priority=5).future.get(timeout=WAIT)
    until(lambda: pool._idle == [victim])
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(victim.ident), ctypes.py_object(SystemExit))

    tasks = [pool.submit(lambda _: threading.current_thread(), priority=5) for _ in range(3)]
    assert victim not in [task.future.get(timeout=WAIT) for task in tasks]
    victim.join(WAIT)
    assert not victim.is_alive()
    assert pool.load == (0, 0, 0)
    assert len(threads_of(pool)) == 1


def test_without_a_thread_to_be_had_a_function_fails(make_pool, monkeypatch, caplog):
    pool = make_pool()

    def fail(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as no_threads:
        no_threads.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(lambda _: "never", priority=5).future.get(timeout=WAIT)
    assert "could not start a thread" in caplog.text
    assert pool.submit(lambda _: "later", priority=5).future.get(timeout=WAIT) == "later"
    assert pool.load == (0, 0, 0)
