"""Two hundred model-driven stacks at once: do calls go on at the limit, in steady memory? And at rest?

.venv/bin/python -m benchmarks.model_stacks [--stacks 200] [--limit 50] [--latency 2] [--seconds 120]
.venv/bin/python -m benchmarks.model_stacks --stacks 400 --limit 200 --processes 2
.venv/bin/python -m benchmarks.model_stacks --idle [--stacks 200] [--seconds 180]

A runner as `recursor run` starts it, and the fake model of `benchmarks.endless_model` in a process of its
own, which counts. Every stack always has work, so calls can go on at the limit, which is the provider's
(`rates.openai.concurrent`), as long as there are more stacks than that: a stack mostly makes one call at a
time. What an agent does before and after its call is no call: `--agents`, how many may run at a time, is some
more than the limit, a quarter if not given. `--processes` is `runner.agent_processes`.

After `--warm-up` seconds the calls answered, their mean number at once, the memory of the runner and of the
processes it has begun (without the store's mapped file), and their processor time are taken for `--seconds`.
The bar: at least 95 % of limit / latency, no failed cycle, and no slope of the memory. The stacks have a past
from the beginning, as what is in memory of a stack grows with that; `--past 0` gives them none.

With `--idle` each stack finishes a small project first; then calls and processor time are counted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.idle_team import report
from recursor.actors.messages import CreateStack, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent_state import MAX_PROPOSALS, AgentState, Proposal, ShortTermMemory
from recursor.domain.ids import new_id
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.orchestration.stack_records import MAX_CLOSED_TODOS
from recursor.runner.data_paths import store_directory
from recursor.runner.team import observers_team
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.store import Store
from recursor.storage.tables import STATES, TODOS
from tests.processes import started_runner

BAR = 0.95
ROLES = ("planner", "builder", "communicator", "reviewer")
# How long small projects may take until there is something wrong.
PATIENCE_SECONDS = 1_800.0


@contextmanager
def model(latency: float, completes: bool) -> Iterator[str]:
    """Serve the fake model in a process of its own; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.endless_model", "--latency", str(latency)]
    with subprocess.Popen(
        [*command, *(["--completes"] if completes else [])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def fetch(url: str) -> Any:
    """Return what is at `url`, from JSON."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def create(data: Path, count: int, url: str, todos: int) -> None:
    """Store stacks that run as soon as a runner is up."""
    settings = {
        "model": {
            "name": "openai:planner",
            "roles": {role: f"openai:{role}" for role in ROLES},
            "base_url": url,
            "context_tokens": 100_000,
        }
    }

    now = time.time()
    store = open_store(store_directory(data))
    # It carries out commands, and runs no agent.
    orchestrator = Orchestrator.start(store=store, roles=observers_team(), runs=False)
    for number in range(count):
        stack = new_stack(f"stack {number}", now, settings)
        idea = new_idea(stack.id, f"A list for {number}", now)
        orchestrator.ask(CreateStack(stack, idea, start=True))
        grow_old(store, stack, now, todos)
    orchestrator.ask(Shutdown(grace=0))
    orchestrator.actor_stopped.wait()
    store.close()


def grow_old(store: Store, stack: Stack, now: float, todos: int) -> None:
    """Give a stack a past of so many todos.

    What it has in memory grows with its past, as far as its agents are shown of that. Young ones would hide
    for hours whether anything else grows.
    """
    commit = Commit()
    for number in range(todos):
        done = Todo(
            id=new_id(),
            stack_id=stack.id,
            content=f"Another part: {number}-{number % 12}",
            priority=5,
            status=TodoStatus.COMPLETED,
            assigned_by="planner",
            created_at=now,
            updated_at=now,
            updated_by="builder",
            closed_at=now,
        )
        TODOS.put(commit, done)
    past = [Proposal(fingerprint=f"{number:064x}", made_at=now) for number in range(MAX_PROPOSALS)]
    for role in ROLES:
        memory = ShortTermMemory(proposals=tuple(past))
        STATES.put(commit, AgentState(stack_id=stack.id, role=role, short_term=memory, updated_at=now))
    store.write(commit)


class Process:
    """A process that is measured, with those it has started."""

    def __init__(self, pid: int) -> None:
        """Measure the process `pid`."""
        self._pid = pid

    def megabytes(self) -> float:
        """Return the resident memory of all, without mapped files: those are the store's cache."""
        return sum(_kilobytes(pid) for pid in self._pids()) / 1024

    def threads(self) -> int:
        """Return how many threads it has."""
        return len(os.listdir(f"/proc/{self._pid}/task"))

    def processor_seconds(self, *, children: bool = False) -> float:
        """Return the processor time that it has used, and those which it started."""
        ticks = 0
        for pid in self._pids() if children else [str(self._pid)]:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _pids(self) -> list[str]:
        pids = [str(self._pid)]
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            pids += (task / "children").read_text().split()
        return pids


def _kilobytes(pid: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1].split()[0])


def per_minute(samples: list[tuple[float, float]]) -> float:
    """Return the slope of (seconds, value), by least squares."""
    count = len(samples)
    mean_at = sum(at for at, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return 60 * sum((at - mean_at) * (value - mean) for at, value in samples) / spread


def busy(url: str, model_url: str, process: Process, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure stacks that always have work."""
    time.sleep(chosen.warm_up)
    before, begun = fetch(model_url), time.perf_counter()
    used, used_by_all = process.processor_seconds(), process.processor_seconds(children=True)
    memory: list[tuple[float, float]] = []
    while (passed := time.perf_counter() - begun) < chosen.seconds:
        memory.append((passed, process.megabytes()))
        time.sleep(1.0)
    after, took = fetch(model_url), time.perf_counter() - begun
    used = process.processor_seconds() - used
    used_by_all = process.processor_seconds(children=True) - used_by_all
    # A call is answered when it has begun and goes on no longer.
    answered = (after["calls"] - after["answering"]) - (before["calls"] - before["answering"])
    best = chosen.limit / chosen.latency
    stats = fetch(f"{url}/api/stats")
    return {
        "calls_per_second": round(answered / took, 2),
        "limit_by_latency": best,
        "share": round(answered / took / best, 3),
        "bar": BAR,
        "mean_at_once": round((after["call_seconds"] - before["call_seconds"]) / took, 1),
        "most_at_once": after["most_at_once"],
        "hung_up": after["hung_up"],
        "problems_of_the_stub": after["problems"],
        "memory_mb": [round(value, 1) for _, value in memory[:: max(len(memory) // 12, 1)]],
        "memory_slope_mb_per_minute": round(per_minute(memory), 2),
        "threads": process.threads(),
        "processor_share_of_a_core": round(used / took, 2),
        "processor_share_of_all": round(used_by_all / took, 2),
        "processor_ms_per_call": round(1000 * used / max(answered, 1), 1),
        "processor_ms_per_call_of_all": round(1000 * used_by_all / max(answered, 1), 1),
        "cycles": stats["total_cycles"],
        "failed_cycles": stats["failed"],
    }


def idle(url: str, model_url: str, process: Process, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure stacks whose projects are complete."""
    begun = time.perf_counter()
    while not settled(url, chosen.stacks):
        assert time.perf_counter() - begun < PATIENCE_SECONDS, "the projects are not complete"
        time.sleep(1.0)
    finished = time.perf_counter() - begun
    time.sleep(chosen.warm_up)
    before, used = fetch(model_url), process.processor_seconds(children=True)
    time.sleep(chosen.seconds)
    after, used = fetch(model_url), process.processor_seconds(children=True) - used
    return {
        "finished_after_seconds": round(finished, 1),
        "calls_to_finish": before["calls"],
        "calls_per_project": before["calls"] / chosen.stacks,
        "idle_calls": after["calls"] - before["calls"],
        "idle_processor_share_of_a_core": round(used / chosen.seconds, 4),
        "memory_mb": round(process.megabytes(), 1),
        "failed_cycles": fetch(f"{url}/api/stats")["failed"],
    }


def settled(url: str, count: int) -> bool:
    """Whether all projects are complete and nobody runs."""
    load = fetch(f"{url}/api/load")
    complete = fetch(f"{url}/api/stacks?phase=complete&limit=1")["total"]
    return bool(complete == count and not load["agents_running"] and not load["agents_queued"])


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--stacks", type=int, default=200)
    options.add_argument("--limit", type=int, default=50, help="calls that the provider may get at a time")
    options.add_argument(
        "--agents", type=int, help="agents that may run at a time: a quarter more than calls"
    )
    options.add_argument(
        "--processes", type=int, default=0, help="further processes that agents run in, besides the runner's"
    )
    options.add_argument(
        "--past",
        type=int,
        default=MAX_CLOSED_TODOS,
        help="todos that each stack has done before: as many as its agents are shown, if not given",
    )
    options.add_argument("--latency", type=float, default=2.0, help="seconds of every call")
    options.add_argument("--warm-up", type=float, default=20.0, help="seconds before measuring")
    options.add_argument("--seconds", type=float, default=120.0, help="seconds of measuring")
    options.add_argument("--idle", action="store_true", help="measure completed stacks instead")
    chosen = options.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        model(chosen.latency, chosen.idle) as model_url,
    ):
        data = Path(folder) / "data"
        create(data, chosen.stacks, model_url, 0 if chosen.idle else chosen.past)
        agents = chosen.agents or chosen.limit * 5 // 4
        rates = json.dumps({"openai": {"concurrent": chosen.limit}})
        variables = {
            "RECURSOR_RUNNER__RATES": rates,
            "RECURSOR_RUNNER__AGENT_PROCESSES": str(chosen.processes),
        }
        with started_runner("--agents", str(agents), data=data, env=variables) as runner:
            process = Process(runner.process.pid)
            measure = idle if chosen.idle else busy
            figures = measure(runner.url, model_url, process, chosen)
    given = {
        "stacks": chosen.stacks,
        "past": chosen.past,
        "limit": chosen.limit,
        "agents": agents,
        "further_processes": chosen.processes,
        "latency_seconds": chosen.latency,
        "load_of_the_machine": os.getloadavg()[0],
    }
    report({**given, **figures})


if __name__ == "__main__":
    main()
