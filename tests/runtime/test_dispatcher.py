"""Few threads run many actors: one thread in an actor at a time, in order, and nobody is forgotten."""

import ctypes
import logging
import threading
import time
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pykka import ActorDeadError, ActorRegistry

from recursor.runtime.actor import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.worker import blocking

WAIT = 180


def threads_of(dispatcher):
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"{dispatcher.name}-")]


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0)


class Recorder(DispatchedActor):
    """Records what it is told, and whether two threads were ever in it at once."""

    listed = False

    def __init__(self, dispatcher, expected):
        super().__init__(dispatcher=dispatcher)
        self.expected = expected
        self.complete = threading.Event()
        self.by_sender = defaultdict(list)
        self.inside = 0
        self.crowded = False

    def on_receive(self, message):
        self.inside += 1
        sender, number = message
        self.by_sender[sender].append(number)
        self.crowded = self.crowded or self.inside != 1
        self.inside -= 1
        self.expected -= 1
        if self.expected == 0:
            self.complete.set()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    threads=st.integers(1, 4),
    actors=st.integers(1, 5),
    senders=st.integers(1, 5),
    each=st.integers(1, 200),
)
def test_every_message_is_handled_in_the_order_of_its_sender_by_one_thread_at_a_time(
    hurried_threads, make_dispatcher, threads, actors, senders, each
):
    dispatcher = make_dispatcher(threads)
    refs = [Recorder.start(dispatcher, senders * each) for _ in range(actors)]
    recorders = [ref._actor_weakref() for ref in refs]
    together = threading.Barrier(senders)

    def send(sender):
        together.wait(WAIT)
        for number in range(each):
            for ref in refs:
                ref.tell((sender, number))

    sending = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in sending:
        thread.start()

    for recorder in recorders:
        # Nothing is sent any more that could wake an actor whose wake-up was lost.
        assert recorder.complete.wait(WAIT)
        assert not recorder.crowded
        assert recorder.by_sender == {sender: list(range(each)) for sender in range(senders)}
    for thread in sending:
        thread.join(WAIT)


def test_actors_that_come_to_rest_between_messages_are_woken_each_time(
    hurried_threads, make_dispatcher, start_runner
):
    dispatcher = make_dispatcher(2)
    refs = [start_runner(dispatcher) for _ in range(3)]

    for number in range(500):
        assert [ref.ask(number, timeout=WAIT) for ref in refs] == [number] * 3


def test_threads_are_started_when_needed_and_not_more_than_allowed(make_dispatcher, start_runner):
    dispatcher = make_dispatcher(3)
    refs = [start_runner(dispatcher) for _ in range(20)]
    assert threads_of(dispatcher) == []

    refs[0].ask("one message", timeout=WAIT)
    assert len(threads_of(dispatcher)) == 1
    for future in [ref.ask("many messages", block=False) for ref in refs]:
        future.get(timeout=WAIT)
    assert len(threads_of(dispatcher)) <= 3


def test_a_busy_actor_gives_way_after_a_batch(make_dispatcher, start_runner, make_gate):
    dispatcher, gate, handled = make_dispatcher(1), make_gate(), []
    busy, other = start_runner(dispatcher), start_runner(dispatcher)
    busy.tell(gate)
    gate.wait_entered()
    for _ in range(3 * Dispatcher.batch):
        busy.tell(lambda: handled.append("busy"))
    other.tell(lambda: handled.append("other"))
    gate.open()
    busy.ask("last", timeout=WAIT)

    # The message that kept the thread was the first of the batch.
    assert handled.index("other") == Dispatcher.batch - 1


def test_a_dispatcher_needs_a_thread():
    with pytest.raises(ValueError, match="at least 1 thread"):
        Dispatcher(0, "none")


def test_actors_may_wait_for_each_other_on_one_thread(make_dispatcher, start_runner):
    dispatcher = make_dispatcher(1)
    refs = [start_runner(dispatcher) for _ in range(6)]

    def ask_the_next(rest):
        return rest[0].ask(lambda: ask_the_next(rest[1:]), timeout=WAIT) + 1 if rest else 0

    assert ask_the_next(refs) == 6
    assert ask_the_next(refs) == 6
    # One that runs, and one that is kept for the next time.
    until(lambda: len(threads_of(dispatcher)) <= 2)


def test_after_a_wait_the_limit_holds_again(make_dispatcher, start_runner):
    dispatcher, inside, most = make_dispatcher(1), [], []
    refs = [start_runner(dispatcher) for _ in range(4)]
    for first, second in pairwise(refs):
        first.ask(lambda second=second: second.ask("nested", timeout=WAIT), timeout=WAIT)

    def count_in():
        inside.append(1)
        time.sleep(0)
        most.append(len(inside))
        inside.pop()

    for future in [ref.ask(count_in, block=False) for ref in refs * 50]:
        future.get(timeout=WAIT)
    assert set(most) == {1}
    assert len(threads_of(dispatcher)) <= 2


def test_a_spare_thread_gives_way_to_the_one_that_waited(make_dispatcher, start_runner, make_gate):
    dispatcher, gate, answer, back = make_dispatcher(1), make_gate(), DispatchedFuture(), threading.Event()
    waiting, helper, third = (start_runner(dispatcher) for _ in range(3))

    def wait():
        answer.get(timeout=WAIT)
        back.set()
        gate()

    def help_out():
        answer.set("an answer")
        assert back.wait(WAIT)
        third.tell("this would be the second to run")

    waiting.tell(wait)
    helper.tell(help_out)
    gate.wait_entered()
    until(lambda: dispatcher._idle)

    assert dispatcher.load._asdict() == {"queued": 1, "running": 1, "abandoned": 0}
    gate.open()
    assert third.ask("now", timeout=WAIT) == "now"


@pytest.mark.parametrize(
    "wait",
    [
        lambda ref: ref.ask("hello", block=False).map(str.upper).get(timeout=WAIT),
        lambda ref: ref.stop(timeout=WAIT) and "HELLO",
        lambda ref: ref.tell(ref._actor_weakref().stop) or (ref.actor_stopped.wait(WAIT) and "HELLO"),
    ],
    ids=["mapped future", "stop", "stop flag"],
)
def test_other_ways_to_wait_do_not_hold_the_only_thread(make_dispatcher, start_runner, wait):
    dispatcher = make_dispatcher(1)
    waiting, other = start_runner(dispatcher), start_runner(dispatcher)

    assert waiting.ask(lambda: wait(other), timeout=WAIT) == "HELLO"


def test_blocking_in_blocking_needs_one_spare_thread_only(make_dispatcher, start_runner):
    dispatcher = make_dispatcher(1)
    waiting, other = start_runner(dispatcher), start_runner(dispatcher)

    def wait():
        with blocking(), blocking():
            return other.ask("answer", timeout=WAIT)

    assert waiting.ask(wait, timeout=WAIT) == "answer"
    assert len(threads_of(dispatcher)) <= 2


def test_load_tells_who_runs_and_who_waits(make_dispatcher, start_runner, make_gate):
    dispatcher, gate = make_dispatcher(1), make_gate()
    stuck, waiting = start_runner(dispatcher), start_runner(dispatcher)
    assert dispatcher.load == (0, 0, 0)
    stuck.tell(gate)
    gate.wait_entered()
    waiting.tell("wait")
    waiting.tell("in the same place")

    assert dispatcher.load._asdict() == {"queued": 1, "running": 1, "abandoned": 0}


class FailsToStart(DispatchedActor):
    listed = True

    def on_start(self):
        raise SystemExit("raised through the thread")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_actor_that_kills_its_thread_is_dead_and_the_thread_is_replaced(
    make_dispatcher, start_runner, make_gate, caplog
):
    dispatcher, gate = make_dispatcher(1), make_gate()
    other = start_runner(dispatcher)
    other.tell(gate)
    gate.wait_entered()
    (victim,) = threads_of(dispatcher)
    ref = FailsToStart.start(dispatcher=dispatcher)
    asked, stopped = ref.ask("never handled", block=False), ref.stop(block=False)
    gate.open()

    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT)
    assert stopped.get(timeout=WAIT)
    assert not ref.is_alive()
    assert ref not in ActorRegistry.get_all()
    assert other.ask("still here", timeout=WAIT) == "still here"
    victim.join(WAIT)
    assert not victim.is_alive()
    assert "died in an actor" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_idle_thread_that_is_killed_is_replaced(make_dispatcher, start_runner):
    dispatcher = make_dispatcher(1)
    ref = start_runner(dispatcher)
    victim = ref.ask(threading.current_thread, timeout=WAIT)
    until(lambda: victim in dispatcher._idle)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(victim.ident), ctypes.py_object(SystemExit))

    assert ref.ask(threading.current_thread, timeout=WAIT) is not victim
    victim.join(WAIT)
    assert not victim.is_alive()
    assert len(threads_of(dispatcher)) == 1


def test_without_a_thread_to_be_had_work_waits_for_one(make_dispatcher, start_runner, monkeypatch, caplog):
    dispatcher = make_dispatcher(1)
    ref = start_runner(dispatcher)

    def fail(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as no_threads:
        no_threads.setattr(threading.Thread, "start", fail)
        asked = ref.ask("first", block=False)
    start_runner(dispatcher).ask("second", timeout=WAIT)

    assert asked.get(timeout=WAIT) == "first"
    assert "could not start a thread" in caplog.text


def test_shutdown_handles_what_is_queued_and_ends_the_threads(start_runner, make_gate):
    dispatcher, gate = Dispatcher(2, "to-shut-down"), make_gate()
    stuck, others = start_runner(dispatcher), [start_runner(dispatcher) for _ in range(50)]
    stuck.tell(gate)
    gate.wait_entered()
    threads = threads_of(dispatcher)
    answers = [ref.ask("queued", block=False) for ref in [stuck, *others]]
    gate.open()

    assert dispatcher.shutdown(timeout=WAIT)
    assert [answer.get(timeout=0) for answer in answers] == ["queued"] * 51
    for thread in threads:
        thread.join(WAIT)
    assert threads_of(dispatcher) == []
    assert dispatcher.shutdown(timeout=0)


@pytest.mark.parametrize("ran_before", [False, True])
def test_after_shutdown_nobody_waits_for_ever(start_runner, ran_before):
    dispatcher = Dispatcher(1, "gone")
    ref, another = start_runner(dispatcher), start_runner(dispatcher)
    if ran_before:
        ref.ask("hello", timeout=WAIT)
    assert dispatcher.shutdown(timeout=WAIT)

    with pytest.raises(ActorDeadError):
        ref.ask("too late", timeout=WAIT)
    assert not ref.is_alive()
    assert another.stop(timeout=WAIT)
    assert dispatcher.load == (0, 0, 0)


def test_shutdown_in_time_refuses_what_is_left(start_runner, make_gate):
    dispatcher, gate = Dispatcher(1, "in-a-hurry"), make_gate()
    stuck, waiting, idle = (start_runner(dispatcher) for _ in range(3))
    handled = stuck.ask(gate, block=False)
    gate.wait_entered()
    asked, behind = waiting.ask("too late", block=False), stuck.ask("too late too", block=False)

    assert not dispatcher.shutdown(timeout=0)
    with pytest.raises(ActorDeadError):
        asked.get(timeout=0)
    assert not waiting.is_alive()
    with pytest.raises(ActorDeadError):
        idle.ask("much too late", timeout=0)
    gate.open()
    assert handled.get(timeout=WAIT) is None
    assert behind.get(timeout=WAIT) == "too late too"
    assert dispatcher.shutdown(timeout=WAIT)


def test_an_actor_may_shut_down_the_dispatcher_it_runs_on(start_runner):
    dispatcher = Dispatcher(2, "by-itself")
    ref, other = start_runner(dispatcher), start_runner(dispatcher)
    other.ask("start the other thread", block=False)
    thread = ref.ask(threading.current_thread, timeout=WAIT)

    assert ref.ask(lambda: dispatcher.shutdown(timeout=WAIT), timeout=WAIT)
    thread.join(WAIT)
    assert threads_of(dispatcher) == []


def test_no_logger_gets_a_handler_or_a_level():
    logger = logging.getLogger("recursor.runtime")
    assert logger.handlers == []
    assert logger.level == logging.NOTSET
