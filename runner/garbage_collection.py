"""How a process that runs stacks looks for garbage: less often, and not among what it began with."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects that come to be, less those that go, between two looks at the young ones. Python's own 700 are there
# after a cycle or two of a stack, and few of them are garbage that needs a look to be freed. With thousands
# of busy stacks many more are under way at a time, and each look goes through all of them in vain: with 3,000
# stacks looks at every 5,000 took a third of the processor. `python -m benchmarks.garbage` tells what this
# comes to.
YOUNG = 50_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Leave what there is by now, modules above all, out of every look, and look less often; until the end.

    It is for the program that owns the process, and not for one that others embed.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
