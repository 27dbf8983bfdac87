"""How soon the HTTP API answers reads, with a large store, while stacks are busy in the same runner.

.venv/bin/python -m benchmarks.api [--stacks N] [--executions N] [--busy N] [--samples N] [--flat-out]
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.idle_team import AT_ONCE, always, idle_team, percentiles, report
from benchmarks.population import populate
from recursor.actors.messages import CreateStack
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.new_records import new_stack
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.roles import Dependency, Role, RoleRegistry
from recursor.runner.process import Runner
from recursor.storage.data_directory import store_directory
from recursor.storage.opening import open_store

BAR_P99_MS = 20

# How long an agent of a busy stack works, in seconds: 8 at a time, so some 160 runs and commits a second.
WORK_SECONDS = 0.05


class Working:
    """Takes a while, as an agent does that waits for a model, and says that it did."""

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        """Wait, and leave a trace."""
        time.sleep(WORK_SECONDS)
        return Outcome(summary="did what there was to do", thoughts=("There is always more.",))


def busy_team() -> RoleRegistry:
    """Return four roles that always have work, in three waves."""
    agent = Working()
    return RoleRegistry(
        [
            Role("planner", always, agent),
            Role("builder", always, agent, (Dependency("planner"),)),
            Role("communicator", always, agent, (Dependency("builder"),)),
            Role("reviewer", always, agent, (Dependency("builder"),)),
        ]
    )


def serve(data: Path, busy: int, flat_out: bool) -> None:
    """Run a runner on `data` with `busy` stacks until standard input ends; print where it serves."""
    roles = idle_team() if flat_out else busy_team()
    with Runner(data, roles=roles, settings=AT_ONCE, port=0) as runner:
        for number in range(busy):
            stack = new_stack(f"busy {number}", time.time())
            runner.orchestrator.ask(CreateStack(stack, None, start=True))
        print(runner.url, flush=True)
        sys.stdin.read()


@contextmanager
def runner(data: Path, busy: int, flat_out: bool) -> Iterator[str]:
    """Start a runner in a process of its own, and yield where it serves."""
    command = [sys.executable, "-m", "benchmarks.api", "--serve", str(data), "--busy", str(busy)]
    with subprocess.Popen(
        [*command, *(["--flat-out"] if flat_out else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait()


class Client:
    """One connection that is kept, as browsers and programs do."""

    def __init__(self, url: str) -> None:
        """Connect to the runner at `url`."""
        address = urlsplit(url)
        self._connection = HTTPConnection(address.hostname or "", address.port, timeout=60)

    def get(self, path: str) -> bytes:
        """Return what is at `path`."""
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        content = response.read()
        assert response.status < 300, (path, response.status, content[:500])
        return content

    def timed(self, path: str) -> float:
        """Return how many seconds it takes to get `path`."""
        begun = time.perf_counter()
        self.get(path)
        return time.perf_counter() - begun


def paths_of(client: Client, ids: list[str]) -> dict[str, Callable[[str], str]]:
    """Return what is measured: what it is called, and its path for a stack."""
    sample = json.loads(client.get(f"/api/stacks/{ids[0]}/executions?limit=1"))["items"][0]
    since = "2020-01-01T00:00:00Z"
    newest: dict[str, str] = {}

    def one_execution(stack_id: str) -> str:
        if stack_id not in newest:
            page = json.loads(client.get(f"/api/stacks/{stack_id}/executions?limit=1"))
            newest[stack_id] = page["items"][0]["id"]
        return f"/api/stacks/{stack_id}/executions/{newest[stack_id]}"

    def below(path: str) -> Callable[[str], str]:
        return lambda stack_id: f"/api/stacks/{stack_id}{path}"

    assert sample["stack_id"] == ids[0]
    return {
        "health": lambda _: "/api/health",
        "stacks_by_activity": lambda _: "/api/stacks",
        "stacks_by_name_100": lambda _: "/api/stacks?sort=name&limit=100",
        "stacks_searched": lambda _: "/api/stacks?search=every+garden",
        "stacks_running": lambda _: "/api/stacks?state=running",
        "stack": below(""),
        "status": below("/status"),
        "work": below("/work"),
        "agents": below("/agents"),
        "idea": below("/idea"),
        "todos": below("/todos"),
        "user_messages": below("/user-messages"),
        "messages": below("/messages"),
        "artifacts": below("/artifacts"),
        "artifact_page": below("/artifacts/newest/page"),
        "executions": below("/executions"),
        "executions_failed": below("/executions?status=failed"),
        "executions_in_range": below(f"/executions?since={since}"),
        "execution": one_execution,
        "graphs": below("/graphs"),
        "traces": below("/traces"),
        "traces_searched": below("/traces?text=page+7"),
        "stats_1_day": below("/stats"),
        "stats_series_1_day": below("/stats/series"),
        "total_stats": lambda _: "/api/stats",
        "total_series_1_day": lambda _: "/api/stats/series",
    }


def measure(url: str, ids: list[str], samples: int) -> dict[str, Any]:
    """Return the times of each read, and of all of them together; they are asked for in turn."""
    client, chance = Client(url), random.Random(1)
    paths = paths_of(client, ids)
    took: dict[str, list[float]] = {name: [] for name in paths}
    for number, name in itertools.product(range(samples + 5), paths):
        path = paths[name](chance.choice(ids))
        seconds = client.timed(path)
        # The first few of each are for the caches of both sides.
        if number >= 5:
            took[name].append(seconds)
    figures = {name: percentiles(times) for name, times in took.items()}
    return {"all": percentiles(list(itertools.chain(*took.values()))), **figures}


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--stacks", type=int, default=1_000)
    options.add_argument("--executions", type=int, default=100_000)
    options.add_argument("--busy", type=int, default=50)
    options.add_argument("--samples", type=int, default=200)
    options.add_argument(
        "--flat-out", action="store_true", help="busy stacks whose agents take no time at all"
    )
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve is not None:
        serve(chosen.serve, chosen.busy, chosen.flat_out)
        return
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data = Path(folder)
        store = open_store(store_directory(data))
        ids = populate(store, chosen.stacks, chosen.executions, time.time())
        store.close()
        with runner(data, chosen.busy, chosen.flat_out) as url:
            time.sleep(2.0)
            before = cycles(url)
            begun = time.perf_counter()
            figures = measure(url, ids, chosen.samples)
            rate = (cycles(url) - before) / (time.perf_counter() - begun)
    report(
        {
            "stacks_in_store": chosen.stacks,
            "executions_in_store": chosen.executions,
            "busy_stacks": chosen.busy,
            "cycles_per_second_meanwhile": round(rate, 1),
            "bar_p99_ms": BAR_P99_MS,
            **figures,
        }
    )


def cycles(url: str) -> int:
    """Return how many cycles all stacks have run."""
    return int(json.loads(Client(url).get("/api/stats"))["total_cycles"])


if __name__ == "__main__":
    main()
