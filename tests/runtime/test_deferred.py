"""An actor may answer later, while it handles other messages."""

import pytest

from recursor.runtime.actor import DispatchedActor
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture

WAIT = 180


class Deferring(DispatchedActor):
    """Answers a future with a deferred answer, and anything else at once."""

    listed = False

    def on_receive(self, message):
        if isinstance(message, Exception):
            return Deferred.failed(message)
        return Deferred(message) if isinstance(message, DispatchedFuture) else message


@pytest.fixture
def ref(make_dispatcher):
    started = Deferring.start(dispatcher=make_dispatcher())
    yield started
    started.stop(timeout=WAIT)


def test_the_asker_gets_the_value_when_it_is_there_and_others_are_answered_meanwhile(ref):
    future = DispatchedFuture()
    answer = ref.ask(future, block=False)
    assert ref.ask("meanwhile", timeout=WAIT) == "meanwhile"
    assert not answer.done()
    future.set("later")
    assert answer.get(timeout=WAIT) == "later"


def test_the_asker_gets_the_exception(ref):
    future = DispatchedFuture()
    answer = ref.ask(future, block=False)
    future.set_exception((ValueError, ValueError("wrong"), None))
    with pytest.raises(ValueError, match="wrong"):
        answer.get(timeout=WAIT)


def test_an_answer_may_fail_at_once_without_harm_to_the_actor(ref):
    ref.tell(KeyError("nobody asked"))
    with pytest.raises(KeyError, match="asked"):
        ref.ask(KeyError("asked"), timeout=WAIT)
    assert ref.is_alive()


def test_if_nobody_asked_the_outcome_is_dropped(ref):
    future = DispatchedFuture()
    ref.tell(future)
    assert ref.ask("handled", timeout=WAIT) == "handled"
    future.set_exception((ValueError, ValueError("dropped"), None))
    assert ref.is_alive()
