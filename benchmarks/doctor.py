"""The daily look at all teams: 1,000 stacks and 100,000 executions on disk, as a command sees them.

.venv/bin/python -m benchmarks.doctor [--executions N] [--stacks N] [--samples N]
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
from benchmarks.queries import fill
from recursor.domain.settings import Settings
from recursor.orchestration.control import Command
from recursor.runner.checkup import examine
from recursor.storage.data_directory import store_directory
from recursor.storage.opening import open_store
from recursor.storage.stacks import control_stack
from recursor.storage.store import Writer


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--executions", type=int, default=100_000)
    options.add_argument("--stacks", type=int, default=1_000)
    options.add_argument("--samples", type=int, default=10)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data = Path(folder)
        with closing(open_store(store_directory(data))) as store:
            now = time.time()
            ids = fill(store, chosen.executions, chosen.stacks, now)

            def start(writer: Writer) -> None:
                for stack_id in ids:
                    control_stack(writer, stack_id, Command.START, now)

            store.write(start)
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
                "all_teams": percentiles(all_teams),
                "one_team": percentiles(one_team),
                "command_all_teams": percentiles(commands),
            }
        )


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
