"""A dispatched actor is a Pykka actor; what is told here is what Pykka's own tests do not tell."""

import contextlib
import gc
import queue
import threading
import weakref

import pytest
from pykka import Actor, ActorDeadError, ActorRegistry
from pykka._envelope import Envelope

from recursor.runtime.actor import DispatchedActor, StopFlag, stop
from recursor.runtime.future import Reply

WAIT = 180


class Echo(DispatchedActor):
    def on_receive(self, message):
        return message() if callable(message) else message


class Mixin(Actor):
    def __init__(self):
        super().__init__()


def test_an_actor_needs_a_dispatcher():
    with pytest.raises(TypeError, match="Echo has no dispatcher"):
        Echo.start()


def test_a_class_may_have_a_dispatcher_of_its_own_and_an_instance_another(make_dispatcher):
    ours, other = make_dispatcher(), make_dispatcher()

    class Default(Mixin, Echo):
        default_dispatcher = ours

    ref = Default.start()
    assert ref.actor_inbox.dispatcher is ours
    with pytest.raises(TypeError):
        Default.start(dispatcher=other)
    refs = [ref, Echo.start(dispatcher=other)]
    assert refs[1].actor_inbox.dispatcher is other
    for started in refs:
        started.stop(timeout=WAIT)


def test_messages_sent_before_the_start_are_handled_after_it(make_dispatcher):
    class Early(DispatchedActor):
        def __init__(self, dispatcher):
            super().__init__(dispatcher=dispatcher)
            self.actor_ref.tell("early")
            self.seen = []

        def on_start(self):
            self.seen.append("on_start")

        def on_receive(self, message):
            self.seen.append(message)
            return self.seen

    ref = Early.start(make_dispatcher())
    assert ref.ask("later", timeout=WAIT) == ["on_start", "early", "later"]
    ref.stop(timeout=WAIT)


def test_a_message_that_arrives_after_the_end_is_answered(make_dispatcher):
    ref = Echo.start(dispatcher=make_dispatcher())
    ref.stop(timeout=WAIT)
    late = Echo._create_future()
    # As from a sender that saw the actor alive just before.
    ref.actor_inbox.put(Envelope("late", reply_to=late))

    with pytest.raises(ActorDeadError, match="stopped before handling the message"):
        late.get(timeout=WAIT)


def test_no_ask_is_lost_while_actors_stop(hurried_threads, make_dispatcher):
    dispatcher = make_dispatcher(2)
    for _ in range(100):
        ref, answers, together = Echo.start(dispatcher=dispatcher), [], threading.Barrier(2)

        def ask(ref=ref, answers=answers, together=together):
            together.wait(WAIT)
            answers.extend(ref.ask("answer me", block=False) for _ in range(20))

        asking = threading.Thread(target=ask)
        asking.start()
        together.wait(WAIT)
        ref.stop(timeout=WAIT)
        asking.join(WAIT)
        for answer in answers:
            with contextlib.suppress(ActorDeadError):
                assert answer.get(timeout=WAIT) == "answer me"


def test_who_asks_an_actor_that_ends_all_actors_is_answered(make_dispatcher):
    dispatcher = make_dispatcher()
    ref, bystander = Echo.start(dispatcher=dispatcher), Echo.start(dispatcher=dispatcher)

    def end():
        raise SystemExit(3)

    with pytest.raises(ActorDeadError, match="SystemExit"):
        ref.ask(end, timeout=WAIT)
    # Pykka's rule.
    assert bystander.actor_stopped.wait(WAIT)


def test_a_stopped_actor_is_freed_even_if_a_reference_is_kept(make_dispatcher):
    ref = Echo.start(dispatcher=make_dispatcher())
    actor = weakref.ref(ref._actor_weakref())
    ref.stop(timeout=WAIT)
    ref.actor_inbox.dispatcher.shutdown(timeout=WAIT)
    gc.collect()

    assert actor() is None


def test_an_unlisted_actor_works_but_is_not_in_the_registry(make_dispatcher):
    class Part(Echo):
        listed = False

    ref = Part.start(dispatcher=make_dispatcher())
    assert ref not in ActorRegistry.get_all()
    gc.collect()
    assert ref.ask("hello", timeout=WAIT) == "hello"
    assert ref.proxy().on_receive("by proxy").get(timeout=WAIT) == "by proxy"
    assert ref.stop(timeout=WAIT)


def test_stop_tells_when_it_is_done_without_a_thread_that_waits(make_dispatcher):
    ref, told = Echo.start(dispatcher=make_dispatcher()), threading.Event()
    stopped = stop(ref)
    stopped.add_done_callback(lambda _: told.set())

    assert told.wait(WAIT)
    assert stopped.get(timeout=0) is True
    assert stop(ref).get(timeout=0) is False


def test_a_stop_flag_is_set_and_cleared():
    flag = StopFlag()
    assert not flag.is_set()
    assert not flag.wait(timeout=0)
    flag.set()
    assert flag.is_set()
    assert flag.wait()
    flag.clear()
    assert not flag.is_set()
    assert not flag.wait(timeout=0)


def test_all_that_wait_for_a_stop_flag_are_woken(hurried_threads):
    for _ in range(100):
        flag, together = StopFlag(), threading.Barrier(4)

        def wait(flag=flag, together=together):
            together.wait(WAIT)
            assert flag.wait(WAIT)

        waiting = [threading.Thread(target=wait) for _ in range(3)]
        for thread in waiting:
            thread.start()
        together.wait(WAIT)
        flag.set()
        for thread in waiting:
            thread.join(WAIT)
            assert not thread.is_alive()


def reply_in(answers):
    """Takes one answer, and tells that it is there."""
    there = threading.Event()

    def take(value, error):
        answers.append((value, error))
        there.set()

    return Reply(take), there


def test_an_answer_may_be_passed_on_without_a_future(make_dispatcher):
    ref, answers = Echo.start(dispatcher=make_dispatcher()), []
    for message in ("hello", lambda: 1 / 0):
        reply, there = reply_in(answers)
        ref.actor_inbox.post(message, reply)
        assert there.wait(WAIT)
    ref.stop(timeout=WAIT)
    reply, there = reply_in(answers)
    ref.actor_inbox.post("too late", reply)
    assert there.wait(WAIT)

    assert answers[0] == ("hello", None)
    assert [type(error) for _, error in answers[1:]] == [ZeroDivisionError, ActorDeadError]


def test_an_answer_that_cannot_be_passed_on_harms_nobody(make_dispatcher, caplog):
    ref = Echo.start(dispatcher=make_dispatcher())
    reply = Reply(lambda _value, _error: 1 / 0)
    ref.actor_inbox.post("hello", reply)

    assert ref.ask("still here", timeout=WAIT) == "still here"
    assert "could not be passed on" in caplog.text
    with pytest.raises(queue.Full):
        reply.set("once only")
    ref.stop(timeout=WAIT)
