"""How soon: from a visitor's message to the start of its agent, and from a pause to "paused" on disk.

.venv/bin/python -m benchmarks.latency [--samples N]
"""

import argparse
import threading
import time
from typing import Any

from benchmarks.idle_team import (
    always,
    create,
    disk_store,
    idle_team,
    orchestrator,
    percentiles,
    report,
)
from recursor.actors.messages import ControlStack, SendUserMessage
from recursor.domain.agent import Run
from recursor.domain.commands import Command
from recursor.domain.effect import AnswerUserMessage, Outcome
from recursor.domain.new_records import new_user_message
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.work import WorkStatus
from recursor.orchestration.detectors import detect_communicator
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.storage.stacks import read_stack

BUSY_STACKS = 100
SLOW_AGENTS = 4


class Answering:
    """Answers the oldest message, and notes when it began."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.answered = threading.Semaphore(0)

    def run(self, snapshot: Snapshot, _run: Run) -> Outcome:
        """Answer."""
        message = snapshot.unanswered[0]
        self.began[message.id] = time.perf_counter()
        self.answered.release()
        return Outcome(effects=(AnswerUserMessage(message_id=message.id, answer="yes"),))


class Slow:
    """Works until it is told to end."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self.end = threading.Event()

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        """Wait."""
        self.running.release()
        self.end.wait()
        return Outcome()


def quiet(snapshot: Snapshot, _settings: Settings, _now: float) -> WorkStatus:
    """Have work only in the stacks that are to be busy."""
    busy = snapshot.stack.name.startswith("stack")
    return WorkStatus(has_work=busy, priority=5 if busy else 0, reason="it is to be busy" if busy else "no")


def message_to_agent(samples: int, busy: int) -> dict[str, Any]:
    """Measure from the moment a message is sent to the moment its agent runs."""
    agent = Answering()
    roles = [Role(role.name, quiet, role.agent, role.depends_on) for role in idle_team().values()]
    visited = Role("host", detect_communicator, agent)
    with disk_store() as (store, _), orchestrator(store, RoleRegistry([visited, *roles])) as ref:
        create(ref, busy)
        stack_id = create(ref, 1, name="visited")[0]
        time.sleep(1.0)
        sent: dict[str, float] = {}
        for number in range(samples):
            message = new_user_message(stack_id, "visitor", f"question {number}", time.time())
            sent[message.id] = time.perf_counter()
            ref.ask(SendUserMessage(message))
            agent.answered.acquire()
            time.sleep(0.02)
        return percentiles([agent.began[key] - at for key, at in sent.items()])


def pause_to_disk(samples: int) -> dict[str, Any]:
    """Measure from a pause being sent to its acknowledgement, while a wave of slow agents runs."""
    agent = Slow()
    roles = RoleRegistry([Role(f"slow{number}", always, agent) for number in range(SLOW_AGENTS)])
    took: list[float] = []
    with disk_store() as (store, _), orchestrator(store, roles) as ref:
        for _ in range(samples):
            agent.end.clear()
            stack_id = create(ref, 1)[0]
            for _ in range(SLOW_AGENTS):
                agent.running.acquire()
            begun = time.perf_counter()
            ref.ask(ControlStack(stack_id, Command.PAUSE))
            took.append(time.perf_counter() - begun)
            with store.read() as reader:
                assert read_stack(reader, stack_id).state == "paused"
            agent.end.set()
            ref.ask(ControlStack(stack_id, Command.STOP))
    return percentiles(took)


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--samples", type=int, default=500)
    samples = options.parse_args().samples
    report(
        {
            "message_to_agent_quiet": {
                **message_to_agent(samples, 0),
                "bar_median_ms": 1.5,
                "bar_p99_ms": 5,
            },
            f"message_to_agent_{BUSY_STACKS}_busy": {
                **message_to_agent(samples, BUSY_STACKS),
                "bar_median_ms": 10,
                "bar_p99_ms": 50,
            },
            "pause_to_disk": {**pause_to_disk(samples), "bar_p99_ms": 5},
        }
    )


if __name__ == "__main__":
    main()
