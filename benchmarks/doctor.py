"""The daily look at all teams: 1,000 stacks and 100,000 executions on disk, as a command sees them.

.venv/bin/python -m benchmarks.doctor [--executions N] [--stacks N] [--days N] [--samples N]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.idle_team import percentiles, report
from benchmarks.population import DAY, populate, write_cycle
from recursor.client.checkup import examine
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState
from recursor.storage.commit import Commit
from recursor.storage.data_directory import store_directory
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from recursor.storage.stacks import read_stack
from recursor.storage.tables import STACKS

BATCH = 2_000
# Seconds: what is written has ended by now.
LONGEST_CYCLE = 60.0


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--executions", type=int, default=100_000)
    options.add_argument("--stacks", type=int, default=1_000)
    options.add_argument("--days", type=float, default=1.0, help="the days that they are spread over")
    options.add_argument("--samples", type=int, default=10)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data = Path(folder)
        with closing(open_store(store_directory(data))) as store:
            now = time.time()
            ids = populate(store, chosen.stacks, 0, now)
            _work(store, ids, chosen.executions, now - chosen.days * DAY, now)
            commit = Commit()
            with store.read() as reader:
                for stack_id in ids:
                    stack = read_stack(reader, stack_id)
                    STACKS.put(commit, stack.but(state=ExecutionState.RUNNING, started_at=now))
            store.write(commit)
        all_teams = [_timed(lambda: examine(data, settings=Settings())) for _ in range(chosen.samples)]
        one_team = [
            _timed(lambda stack_id=stack_id: examine(data, stack_id)) for stack_id in ids[: chosen.samples]
        ]
        command = [sys.executable, "-m", "recursor.cli", "doctor", "--data", folder]
        commands = [
            _timed(lambda: subprocess.run(command, check=False, capture_output=True))
            for _ in range(chosen.samples)
        ]
        report(
            {
                "executions": chosen.executions,
                "stacks": chosen.stacks,
                "days": chosen.days,
                "all_teams": percentiles(all_teams),
                "one_team": percentiles(one_team),
                "command_all_teams": percentiles(commands),
            }
        )


def _work(store: LmdbStore, ids: list[str], count: int, since: float, now: float) -> None:
    """Write `count` cycles of the stacks, spread over a span of time: what is recent is looked at."""
    for first in range(0, count, BATCH):
        commit = Commit()
        for number in range(first, min(first + BATCH, count)):
            at = since + (now - since) * number / count - LONGEST_CYCLE
            write_cycle(commit, ids[number % len(ids)], number // len(ids) + 1, at)
        store.write(commit)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
