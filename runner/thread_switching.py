"""How long a thread of the process runs while others wait."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds; Python's default is 0.005. The store's writer releases the interpreter lock at every step of a
# commit, and may wait this long to get it back, which dominates a commit while stacks are busy. At 0.001 the
# switches take some 4 % of the CPU time, at 0.0005 13 %.
LONGEST_TURN = 0.001


@contextmanager
def often_switched() -> Iterator[None]:
    """Let threads take turns five times as often as by default, until the end.

    For the program that owns the process, not for embedding.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(LONGEST_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
