"""What looking for garbage costs the engine: pauses and CPU time, as Python does it and as the runner does.

    .venv/bin/python -m benchmarks.garbage [--stacks N] [--seconds N] [--rounds N]

Both in turn, in one process that has what `recursor run` has in memory. Times are those of the thread that
looks, and of the process: others that use the machine do not count. A pause stops all threads.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from benchmarks.idle_team import count_cycles, create, disk_store, idle_team, orchestrator, report
from recursor.cli import app as _app  # noqa: F401  # it is there in a runner, too
from recursor.runner import session as _session  # noqa: F401
from recursor.runner.garbage_collection import seldom_collected

# A look at this generation is one at all others, too.
OLDEST = 2


class Looks:
    """How long each look for garbage takes, in seconds."""

    def __init__(self) -> None:
        self.young: list[float] = []
        self.full: list[float] = []
        self._begun = 0.0

    def told(self, phase: str, about: dict[str, int]) -> None:
        """Be told by the collector that a look begins or ends."""
        if phase == "start":
            self._begun = time.thread_time()
        else:
            which = self.full if about["generation"] == OLDEST else self.young
            which.append(time.thread_time() - self._begun)


@contextmanager
def watched() -> Iterator[Looks]:
    """Measure the looks for garbage within."""
    looks = Looks()
    gc.callbacks.append(looks.told)
    try:
        yield looks
    finally:
        gc.callbacks.remove(looks.told)


def measure(
    store: Any, ids: list[str], seconds: float, way: AbstractContextManager[None]
) -> dict[str, float]:
    """Measure busy stacks for a while."""
    with way:
        time.sleep(0.5)
        with watched() as looks:
            cycles, cpu, begun = count_cycles(store, ids), time.process_time(), time.perf_counter()
            time.sleep(seconds)
            cycles, cpu = count_cycles(store, ids) - cycles, time.process_time() - cpu
            rate = cycles / (time.perf_counter() - begun)
    spent = sum(looks.young) + sum(looks.full)
    return {
        "cycles_per_second": rate,
        "cpu_microseconds_per_cycle": 1e6 * cpu / cycles,
        "looking_microseconds_per_cycle": 1e6 * spent / cycles,
        "full_looks": len(looks.full),
        "longest_full_ms": 1e3 * max(looks.full, default=0.0),
        "longest_young_ms": 1e3 * max(looks.young, default=0.0),
    }


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--stacks", type=int, default=100)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rounds", type=int, default=5)
    wanted = options.parse_args()
    ways = {"python": nullcontext, "runner": seldom_collected}
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with disk_store() as (store, _), orchestrator(store, idle_team()) as ref:
        ids = create(ref, wanted.stacks)
        time.sleep(1.0)
        for _ in range(wanted.rounds):
            for name, way in ways.items():
                measured[name].append(measure(store, ids, wanted.seconds, way()))
    report(
        {
            "stacks": wanted.stacks,
            **{
                name: {figure: round(statistics.median(m[figure] for m in rounds), 1) for figure in rounds[0]}
                for name, rounds in measured.items()
            },
        }
    )


if __name__ == "__main__":
    main()
