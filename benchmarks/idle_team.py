"""What the benchmarks share: a team that always has work and does nothing, in three waves a cycle."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pykka import ActorRef

from recursor.actors.messages import CreateStack, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.new_records import new_stack
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Dependency, Role, RoleRegistry
from recursor.runner.garbage_collection import seldom_collected
from recursor.runner.thread_switching import often_switched
from recursor.storage.commit import Commit
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from recursor.storage.stacks import read_stack
from recursor.workspaces.upkeep import Upkeep

# The results of three waves; the last of them, the end of the cycle and the beginning of the next share one.
COMMITS_PER_CYCLE = 3


class IdleAgent:
    """Proposes nothing."""

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        """Do nothing."""
        return Outcome()


def always(_snapshot: Snapshot, _settings: Settings, _now: float) -> WorkStatus:
    """Say that there is work."""
    return WorkStatus(has_work=True, priority=5, reason="there always is")


def idle_team() -> RoleRegistry:
    """Return four roles with work in every cycle: planner, then builder, then communicator and reviewer."""
    agent = IdleAgent()
    return RoleRegistry(
        [
            Role("planner", always, agent),
            Role("builder", always, agent, (Dependency("planner"),)),
            Role("communicator", always, agent, (Dependency("builder"),)),
            Role("reviewer", always, agent, (Dependency("builder"),)),
        ]
    )


# A cycle that changes nothing is followed by the next at once, for the sake of measuring.
AT_ONCE = Settings().overridden({"pause": {"after_work": 0}})


@contextmanager
def disk_store() -> Iterator[tuple[LmdbStore, Path]]:
    """Open a new store on this disk, synced on every commit; remove it afterwards."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = open_store(Path(folder))
        try:
            yield store, Path(folder)
        finally:
            store.close()


@contextmanager
def orchestrator(
    store: LmdbStore,
    roles: RoleRegistry,
    settings: Settings = AT_ONCE,
    runner: RunnerSettings | None = None,
    upkeep: Upkeep | None = None,
) -> Iterator[ActorRef[Orchestrator]]:
    """Start an orchestrator on `store`, in a process set up as a runner is; shut it down afterwards."""
    with seldom_collected(), often_switched():
        ref = Orchestrator.start(
            store=store, roles=roles, settings=settings, runner=runner or RunnerSettings(), upkeep=upkeep
        )
        try:
            yield ref
        finally:
            ref.ask(Shutdown(grace=5))


def create(ref: ActorRef[Orchestrator], count: int, name: str = "stack") -> list[str]:
    """Create and start stacks, all at once, and return their ids."""
    made = [new_stack(f"{name} {number}", time.time()) for number in range(count)]
    futures = [ref.ask(CreateStack(stack, None, start=True), block=False) for stack in made]
    return [future.get().id for future in futures]


def count_cycles(store: LmdbStore, ids: list[str]) -> int:
    """Return how many cycles the stacks have completed, on disk."""
    with store.read() as reader:
        return sum(read_stack(reader, stack_id).total_cycles for stack_id in ids)


def cycles_per_second(store: LmdbStore, ids: list[str], seconds: float) -> float:
    """Return the rate of completed, durable cycles over a span of time, after a second to settle."""
    time.sleep(1.0)
    first, begun = count_cycles(store, ids), time.perf_counter()
    time.sleep(seconds)
    return (count_cycles(store, ids) - first) / (time.perf_counter() - begun)


def commit_seconds(store: LmdbStore, seconds: float = 2.0) -> float:
    """Return the mean time of a commit of a record's size on this disk, one at a time."""
    written, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        key = b"measure%d" % written
        commit = Commit()
        commit.put("stack_names", key, b"x" * 600)
        store.write(commit)
        written += 1
    mean = (time.perf_counter() - begun) / written
    removal = Commit()
    removal.delete_range("stack_names", b"measure", b"measurf")
    store.write(removal)
    return mean


def percentiles(values: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum of times in seconds, in milliseconds."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3)

    return {"median_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0), "samples": len(ordered)}


def own_kilobytes() -> int:
    """Return this process's resident memory without the mapped pages of the store's file."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0])


def report(figures: dict[str, Any]) -> None:
    """Print the figures as JSON."""
    json.dump(figures, sys.stdout, indent=2)
    print()
