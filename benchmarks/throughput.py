"""Durable cycles per second: one stack beside this disk's commits, many stacks beside bare pykka.

    .venv/bin/python -m benchmarks.throughput [--seconds N] [--rounds N]

Every figure stands beside its limit, measured in the same run.
"""

import argparse
import statistics
import threading
import time
from typing import Any

import pykka

from benchmarks.idle_team import (
    COMMITS_PER_CYCLE,
    commit_seconds,
    create,
    cycles_per_second,
    disk_store,
    idle_team,
    orchestrator,
    report,
)

STACKS = 100


class BareChild(pykka.ThreadingActor):
    """Answers at once."""

    def on_receive(self, message: Any) -> Any:
        """Give the message back."""
        return message


class BareSupervisor(pykka.ThreadingActor):
    """Exchanges a cycle's messages with six children, all on threads, and stores nothing.

    Recursor's own supervisor asks the work cache before the graph and after each wave, the graph builder
    once, and each role actor once.
    """

    def __init__(self, ended: threading.Event) -> None:
        super().__init__()
        self.ended = ended
        self.cycles = 0
        self.children = [BareChild.start() for _ in range(6)]

    def on_receive(self, message: Any) -> int | None:
        """Run one cycle and ask itself for the next; or say how many cycles it has run."""
        if message == "count":
            return self.cycles
        cache, builder, *roles = self.children
        builder.ask(message)
        for wave in ((roles[0],), (roles[1],), (roles[2], roles[3])):
            pykka.get_all([role.ask(message, block=False) for role in wave])
            cache.ask(message)
        self.cycles += 1
        if not self.ended.is_set():
            self.actor_ref.tell(message)
        return None

    def on_stop(self) -> None:
        """Stop the children."""
        for child in self.children:
            child.stop(block=False)


def bare_pykka(stacks: int, seconds: float) -> float:
    """Return cycles per second of bare `ThreadingActor`s that exchange the same messages."""
    ended = threading.Event()
    supervisors = [BareSupervisor.start(ended) for _ in range(stacks)]
    for supervisor in supervisors:
        supervisor.tell("run")

    def total() -> int:
        return sum(pykka.get_all([supervisor.ask("count", block=False) for supervisor in supervisors]))

    time.sleep(1.0)
    first, begun = total(), time.perf_counter()
    time.sleep(seconds)
    rate = (total() - first) / (time.perf_counter() - begun)
    ended.set()
    for supervisor in supervisors:
        supervisor.stop()
    return rate


def one_stack(seconds: float) -> dict[str, float]:
    """Measure one stack beside this disk's commits."""
    with disk_store() as (store, _):
        commit = commit_seconds(store)
        with orchestrator(store, idle_team()) as ref:
            cycles = cycles_per_second(store, create(ref, 1), seconds)
        # Again, because a disk that others use changes its mind: the slower of the two is no limit.
        commit = min(commit, commit_seconds(store))
    limit = 1 / (commit * COMMITS_PER_CYCLE)
    return {
        "commit_us": commit * 1e6,
        "cycles_per_s_the_disk_allows": limit,
        "cycles_per_s": cycles,
        "ratio": cycles / limit,
    }


def many_stacks(seconds: float) -> dict[str, float]:
    """Measure many stacks beside bare pykka."""
    with disk_store() as (store, _), orchestrator(store, idle_team()) as ref:
        cycles = cycles_per_second(store, create(ref, STACKS), seconds)
        threads = threading.active_count()
    bare = bare_pykka(STACKS, seconds)
    return {
        "cycles_per_s": cycles,
        "threads": threads,
        "bare_pykka_cycles_per_s": bare,
        "ratio": cycles / bare,
    }


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of every figure."""
    return {name: round(statistics.median(r[name] for r in rounds), 2) for name in rounds[0]}


def main() -> None:
    """Measure in turn, and print the medians."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=4.0, help="length of each measurement")
    options.add_argument("--rounds", type=int, default=5, help="how often each is measured, in turn")
    chosen = options.parse_args()
    rounds = [(one_stack(chosen.seconds), many_stacks(chosen.seconds)) for _ in range(chosen.rounds)]
    report(
        {
            "one_stack": {**medians([one for one, _ in rounds]), "bar_ratio": 0.5},
            f"{STACKS}_stacks": {**medians([many for _, many in rounds]), "bar_ratio": 1.0},
        }
    )


if __name__ == "__main__":
    main()
