"""How long a thread of the process runs while others wait."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds; Python's own are 0.005. The store's writer lets the interpreter go at every step of a commit, and
# may wait this long to have it back: it is what a commit takes while stacks are busy. At 0.001 the switches
# take some 4 % of the processor, at 0.0005 13 %.
LONGEST_TURN = 0.001


@contextmanager
def often_switched() -> Iterator[None]:
    """Have threads take turns five times as often as Python would, until the end.

    It is for the program that owns the process, and not for one that others embed.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(LONGEST_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
