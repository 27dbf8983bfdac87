"""A message wakes the actor at whatever moment it arrives."""

import queue
import threading

import pytest
from pykka._envelope import Envelope

from recursor.runtime.actor import DispatchedActor

WAIT = 180


class Interrupted(queue.SimpleQueue):
    """Has something happen just after somebody saw that it was empty."""

    def __init__(self, which_look, happens):
        self.looks_left = which_look
        self.happens = happens

    def empty(self):
        empty = super().empty()
        if empty:
            self.looks_left -= 1
            if self.looks_left == 0:
                self.happens()
        return empty


@pytest.mark.parametrize("which_look", [1, 2])
def test_a_message_that_arrives_while_the_actor_comes_to_rest_wakes_it(make_dispatcher, which_look):
    handled, both = [], threading.Event()

    class Recorder(DispatchedActor):
        listed = False

        def on_receive(self, message):
            handled.append(message)
            if len(handled) == 2:
                both.set()

    ref = Recorder.start(dispatcher=make_dispatcher())
    mailbox = ref.actor_inbox
    mailbox._messages = Interrupted(which_look, lambda: mailbox.put(Envelope("second")))
    ref.tell("first")

    assert both.wait(WAIT)
    assert handled == ["first", "second"]
