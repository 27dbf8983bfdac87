"""The four public queries over a million executions on disk.

.venv/bin/python -m benchmarks.queries [--executions N] [--stacks N] [--samples N]
"""

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

from benchmarks.idle_team import disk_store, idle_team, percentiles, report
from benchmarks.population import DAY, SPAN, populate
from recursor.domain.settings import Settings
from recursor.storage import queries
from recursor.storage.store import Reader


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--executions", type=int, default=1_000_000)
    options.add_argument("--stacks", type=int, default=100)
    options.add_argument("--samples", type=int, default=1_000)
    chosen = options.parse_args()
    roles, settings, chance = idle_team(), Settings(), random.Random(1)
    with disk_store() as (store, folder):
        now = time.time()
        ids = populate(store, chosen.stacks, chosen.executions, now, contents=False)
        asked: dict[str, Callable[[Reader, str], Any]] = {
            "recent_executions": lambda reader, stack: queries.recent_executions(reader, stack, 20),
            "work_detection_status": lambda reader, stack: queries.work_detection_status(
                reader, stack, roles, settings, now
            ),
            "orchestration_stats_1_day": lambda reader, stack: queries.orchestration_stats(
                reader, stack, now - DAY, now
            ),
            "orchestration_stats_30_days": lambda reader, stack: queries.orchestration_stats(
                reader, stack, now - SPAN, now
            ),
            "execution_graphs": lambda reader, stack: queries.execution_graphs(reader, stack, 10),
        }
        figures: dict[str, Any] = {
            "executions": chosen.executions,
            "stacks": chosen.stacks,
            "megabytes": round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6),
            "bar_p99_ms": 10,
        }
        for name, query in asked.items():
            took = []
            for _ in range(chosen.samples):
                stack_id, begun = chance.choice(ids), time.perf_counter()
                with store.read() as reader:
                    query(reader, stack_id)
                took.append(time.perf_counter() - begun)
            figures[name] = percentiles(took)
        report(figures)


if __name__ == "__main__":
    main()
