"""A process that runs stacks lets its threads take turns more often, for as long as it does."""

import sys

from recursor.runner.thread_switching import LONGEST_TURN, often_switched


def test_threads_take_turns_more_often_until_the_end() -> None:
    before = sys.getswitchinterval()
    with often_switched():
        assert abs(sys.getswitchinterval() - LONGEST_TURN) < 1e-6
    assert sys.getswitchinterval() == before
