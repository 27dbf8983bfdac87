"""SQL over 100,000 executions on disk, each query as `recursor sql` and the API run it: in its own process.

.venv/bin/python -m benchmarks.sql [--executions N] [--stacks N] [--samples N]
"""

import argparse
import asyncio
import json
import resource
import time

from benchmarks.idle_team import disk_store, percentiles, report
from benchmarks.population import populate
from recursor.domain.process_settings import SqlSettings
from recursor.storage.sql.process import ask

# The promise: an answer over all executions in about two seconds.
BAR_SECONDS = 2.0

QUERIES = {
    "nothing": "SELECT 1",
    "count_by_status": "SELECT status, count(*) FROM orchestrator_executions GROUP BY status",
    "average_duration": "SELECT avg(completed_at - started_at) FROM orchestrator_executions "
    "WHERE status = 'completed'",
    "parallelism": "SELECT graph_summary->>'parallel_executions' AS n, count(*) FROM orchestrator_executions "
    "GROUP BY n",
    "newest_100_whole": "SELECT * FROM orchestrator_executions ORDER BY started_at DESC LIMIT 100",
    "newest_50_graphs_whole": "SELECT * FROM execution_graphs ORDER BY created_at DESC LIMIT 50",
    "runs_by_role": "SELECT node->>'role' AS role, count(*) FROM "
    "(SELECT unnest(nodes->'$[*]') AS node FROM execution_graphs) GROUP BY role",
}


def children_seconds() -> float:
    """Return the processor time of all processes that this one began and that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--executions", type=int, default=100_000)
    options.add_argument("--stacks", type=int, default=100)
    options.add_argument("--samples", type=int, default=5)
    chosen = options.parse_args()
    with disk_store() as (store, folder):
        populate(store, chosen.stacks, chosen.executions, time.time(), contents=False)
        figures: dict[str, object] = {
            "executions": chosen.executions,
            "stacks": chosen.stacks,
            "bar_seconds": BAR_SECONDS,
        }
        for name, query in QUERIES.items():
            took, inside, computed = [], [], []
            for _ in range(chosen.samples):
                begun, spent = time.perf_counter(), children_seconds()
                found = json.loads(asyncio.run(ask(folder, query, SqlSettings(seconds=120))))
                took.append(time.perf_counter() - begun)
                inside.append(found["seconds"])
                computed.append(children_seconds() - spent)
            figures[name] = {
                "whole": percentiles(took),
                "in_its_process": percentiles(inside),
                # What the whole costs, whatever else the machine does.
                "cpu": percentiles(computed),
            }
        report(figures)


if __name__ == "__main__":
    main()
