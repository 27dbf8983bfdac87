"""The four public queries over a million executions on disk.

.venv/bin/python -m benchmarks.queries [--executions N] [--stacks N] [--samples N]
"""

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

from benchmarks.idle_team import disk_store, idle_team, percentiles, report
from recursor.domain.execution import (
    Decision,
    DecisionKind,
    ExecutionStatus,
    GraphSummary,
    OrchestratorExecution,
)
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.ids import new_id
from recursor.domain.settings import Settings
from recursor.domain.work import WorkReport, WorkStatus
from recursor.storage import queries, stacks
from recursor.storage.rollups import count_execution
from recursor.storage.store import Reader, Store, Writer
from recursor.storage.tables import EXECUTIONS, GRAPHS, WORK

DAY = 86_400.0
SPAN = 30 * DAY
BATCH = 2_000
ROLES = ("planner", "builder", "communicator", "reviewer")


def fill(store: Store, count: int, stack_count: int, now: float) -> list[str]:
    """Write `count` executions with graphs and sums, spread over thirty days and some stacks."""
    made = [stacks.new_stack(f"stack {number}", now - SPAN) for number in range(stack_count)]
    store.write(lambda writer: [stacks.create_stack(writer, stack) for stack in made])
    store.write(lambda writer: [WORK.add(writer, some_report(stack.id, now)) for stack in made])
    ids = [stack.id for stack in made]
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))

        def work(writer: Writer, numbers: range = numbers) -> None:
            for number in numbers:
                at = now - SPAN * (1 - number / count)
                write_cycle(writer, ids[number % stack_count], number // stack_count + 1, at)

        store.write(work)
    return ids


def some_report(stack_id: str, now: float) -> WorkReport:
    """Return what the work cache might hold."""
    status = WorkStatus(has_work=True, priority=8, reason="3 pending todos, 2 of priority 3 or more")
    return WorkReport(
        stack_id=stack_id, computed_at=now, revision=(1, 0, 0), statuses=dict.fromkeys(ROLES, status)
    )


def write_cycle(writer: Writer, stack_id: str, number: int, at: float) -> None:
    """Write one finished cycle."""
    nodes = tuple(
        Node(
            role=role,
            priority=8 - wave,
            reason="3 pending todos, 2 of priority 3 or more",
            wave=wave,
            status=NodeStatus.COMPLETED,
            attempts=1,
            started_at=at,
            finished_at=at + 1,
        )
        for wave, role in enumerate(ROLES)
    )
    graph = ExecutionGraph(id=new_id(), stack_id=stack_id, created_at=at, nodes=nodes)
    execution = OrchestratorExecution(
        id=graph.id,
        stack_id=stack_id,
        number=number,
        epoch=0,
        status=ExecutionStatus.FAILED if number % 50 == 0 else ExecutionStatus.COMPLETED,
        started_at=at,
        finished_at=at + 4,
        decision=Decision(kind=DecisionKind.CONTINUE, reason="builder has work: 3 pending todos"),
        summary=GraphSummary(agents_run=4, waves=4, max_parallel=1, agent_seconds=4.0),
    )
    EXECUTIONS.add(writer, execution)
    GRAPHS.add(writer, graph)
    count_execution(writer, execution, graph)


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
        ids = fill(store, chosen.executions, chosen.stacks, now)
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
