"""How long after `stop --all` is the last call cut off, and are all stacks stopped?

.venv/bin/python -m benchmarks.stopping [--stacks 300,2000] [--agents 200]

Each stack runs an agent that waits for ever, as for a provider that never answers; those beyond `--agents`
wait for a slot. A call counts as cut off when its coroutine is cancelled. The bar is 2 s for 2,000 stacks.
"""

import argparse
import asyncio
import threading
import time
from typing import Any

from benchmarks.idle_team import always, create, disk_store, orchestrator, report
from recursor.actors.messages import ControlAll
from recursor.domain.agent import Run
from recursor.domain.commands import Command
from recursor.domain.effect import Outcome
from recursor.domain.settings import RunnerSettings
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.roles import Role, RoleRegistry

BAR_SECONDS = 2.0


class Hanging:
    """Waits until it is cancelled, and notes when that was."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.cut_off: list[float] = []

    async def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        """Wait."""
        self.begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            self.cut_off.append(time.perf_counter())
        return Outcome()


def measure(stacks: int, agents: int) -> dict[str, Any]:
    """Return the seconds until the last call is cut off, and until all stacks are stopped."""
    agent = Hanging()
    team = RoleRegistry([Role("builder", always, agent)])
    running = min(stacks, agents)
    with disk_store() as (store, _), orchestrator(store, team, runner=RunnerSettings(agents=agents)) as ref:
        create(ref, stacks)
        for _ in range(running):
            agent.begun.acquire()
        # Those beyond wait for a slot soon afterwards.
        time.sleep(1)
        begun, processor = time.perf_counter(), time.process_time()
        answers = ref.ask(ControlAll(Command.STOP))
        stopped = time.perf_counter() - begun
        used = time.process_time() - processor
        while len(agent.cut_off) < running:
            time.sleep(0.001)
        assert len(answers) == stacks
        return {
            "calls": running,
            "last_call_cut_off_seconds": round(max(agent.cut_off) - begun, 3),
            "all_stopped_seconds": round(stopped, 3),
            "processor_seconds": round(used, 3),
            "bar_seconds": BAR_SECONDS,
        }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--stacks", default="300,2000")
    options.add_argument("--agents", type=int, default=200)
    chosen = options.parse_args()
    report({stacks: measure(int(stacks), chosen.agents) for stacks in chosen.stacks.split(",")})


if __name__ == "__main__":
    main()
