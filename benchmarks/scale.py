"""Many stacks in one process: 5,000 that all run, and 100,000 that rest.

.venv/bin/python -m benchmarks.scale [--active N] [--idle N]
"""

import argparse
import gc
import threading
import time
from typing import Any

from benchmarks.idle_team import (
    count_cycles,
    create,
    disk_store,
    idle_team,
    orchestrator,
    own_kilobytes,
    report,
)
from benchmarks.population import write_stack
from recursor.actors.messages import GetLoad
from recursor.domain.new_records import new_stack
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.storage.commit import Commit

CYCLES = 3
WATCHED_SECONDS = 10.0
BATCH = 5_000


def run_active(count: int) -> dict[str, Any]:
    """Run `count` stacks at once until each has completed three cycles."""
    with disk_store() as (store, _), orchestrator(store, idle_team()) as ref:
        create(ref, 1)
        time.sleep(0.5)
        gc.collect()
        before, threads_before, begun = own_kilobytes(), threading.active_count(), time.perf_counter()
        ids = create(ref, count)
        threads, memory, done = 0, 0, False
        # At least one look: on a fast machine the last stack is created after the others have done theirs.
        while not done:
            done = count_cycles(store, ids) >= CYCLES * count
            threads = max(threads, threading.active_count())
            memory = max(memory, own_kilobytes())
            time.sleep(0.5)
        active = ref.ask(GetLoad()).active_stacks
        return {
            "stacks": count,
            "active_at_the_end": active,
            "cycles": count_cycles(store, ids),
            "seconds": round(time.perf_counter() - begun, 1),
            "threads_with_1_stack": threads_before,
            "threads": threads,
            "kilobytes_per_stack": round((memory - before) / count, 1),
            "bar_kilobytes_per_stack": 40,
        }


def run_idle(count: int) -> dict[str, Any]:
    """Start an orchestrator over `count` resting stacks, every other one with a timer an hour from now."""
    with disk_store() as (store, _):
        now = time.time()
        for first in range(0, count, BATCH):
            commit = Commit()
            for number in range(first, min(first + BATCH, count)):
                stack = new_stack(f"stack {number}", now)
                write_stack(
                    commit,
                    stack.but(
                        state=ExecutionState.RUNNING,
                        phase=Phase.COMPLETE,
                        next_look_at=now + 3600 if number % 2 else None,
                    ),
                )
            store.write(commit)
        del commit
        gc.collect()
        before, threads_before, begun = own_kilobytes(), threading.active_count(), time.perf_counter()
        with orchestrator(store, idle_team(), Settings()) as ref:
            load = ref.ask(GetLoad())
            start_up = time.perf_counter() - begun
            gc.collect()
            memory = own_kilobytes()
            cpu, wall = time.process_time(), time.perf_counter()
            time.sleep(WATCHED_SECONDS)
            share = (time.process_time() - cpu) / (time.perf_counter() - wall)
            return {
                "stacks": count,
                "with_a_timer": load.sleeping_stacks,
                "active": load.active_stacks,
                "start_up_seconds": round(start_up, 2),
                "bar_start_up_seconds": 10,
                "threads_of_recursor": threading.active_count() - threads_before,
                "bytes_per_stack": round(1024 * (memory - before) / count),
                "bar_bytes_per_stack": 1024,
                "share_of_a_core": round(share, 4),
                "bar_share_of_a_core": 0.01,
            }


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--active", type=int, default=5_000)
    options.add_argument("--idle", type=int, default=100_000)
    chosen = options.parse_args()
    report({"idle": run_idle(chosen.idle), "active": run_active(chosen.active)})


if __name__ == "__main__":
    main()
