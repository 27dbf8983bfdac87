"""Garbage collection of a process that runs stacks: less often, and without the objects from startup."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Net new objects between two collections of the youngest generation. Python's default of 700 is reached after
# a cycle or two of a stack, and few of those objects are garbage that needs a collection. With thousands of
# busy stacks many more objects are alive, and each collection traverses all of them in vain: with 3,000
# stacks, collections at every 5,000 took a third of the CPU time. `python -m benchmarks.garbage` measures
# this.
YOUNG = 50_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Exclude existing objects, mainly modules, from collections, and collect less often, until the end.

    For the program that owns the process, not for embedding.
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
