"""Counters and statistics, checked against the records they sum up, without the code that sums them up."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import isclose
from typing import Any

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from tests.crash.evidence import Evidence

Violations = Iterator[str]


def counters_equal_the_records(evidence: Evidence) -> Violations:
    """A stack counts the cycles of its epoch; each execution sums up its graph."""
    by_stack: dict[str, list[OrchestratorExecution]] = defaultdict(list)
    for execution in evidence.executions:
        by_stack[execution.stack_id].append(execution)
        graph = evidence.graphs.get(execution.id)
        if graph is None:
            yield f"execution {execution.id} has no graph"
        elif execution.status != "running":
            yield from _sums_up(execution, graph)
    for stack in evidence.stacks.values():
        # A stop begins the next epoch; the counter is reset by the start that follows.
        epoch = stack.epoch - (stack.state == "stopped")
        mine = [e for e in by_stack[stack.id] if e.epoch == epoch and e.status in ("completed", "failed")]
        if stack.total_cycles != len(mine):
            yield f"{stack.name} counts {stack.total_cycles} cycles, on record are {len(mine)}"
        open_ones = [e.id for e in by_stack[stack.id] if e.status == "running"]
        if open_ones != ([] if stack.current_execution_id is None else [stack.current_execution_id]):
            yield f"{stack.name} is at {stack.current_execution_id}; running are {open_ones}"
        numbers = [execution.number for execution in by_stack[stack.id]]
        if numbers != list(range(1, 1 + len(numbers))):
            yield f"{stack.name} has cycles with the numbers {numbers}"
        if stack.last_cycle != len(numbers):
            yield f"{stack.name} has counted to {stack.last_cycle}, on record are {len(numbers)} cycles"


def _sums_up(execution: OrchestratorExecution, graph: ExecutionGraph) -> Violations:
    status = Counter(node.status.value for node in graph.nodes)
    if status["pending"] or status["running"]:
        yield f"execution {execution.id} is {execution.status}, its nodes are {dict(status)}"
    if execution.finished_at is None or execution.summary is None:
        yield f"execution {execution.id} is {execution.status} without a time or a summary"
        return
    if execution.status != "cancelled" and (execution.status == "failed") != (status["failed"] > 0):
        yield f"execution {execution.id} is {execution.status}, its nodes are {dict(status)}"
    if execution.status != "completed" and execution.error is None:
        yield f"execution {execution.id} is {execution.status} and does not say why"
    summary = execution.summary
    figures = (summary.agents_run, summary.agents_failed, summary.agents_skipped)
    counted = (status["completed"] + status["failed"], status["failed"], status["skipped"])
    if figures != counted:
        yield f"execution {execution.id} sums up (run, failed, skipped) {figures}, its graph {counted}"


def rollups_equal_the_records(evidence: Evidence) -> Violations:
    """The sums per minute, and per hour, are those of the executions that ended."""
    for name, seconds, stored in (("minute", 60, evidence.minutes), ("hour", 3600, evidence.hours)):
        wanted: dict[str, dict[str, Any]] = {}
        for execution in evidence.executions:
            if execution.finished_at is not None:
                moment = f"{int(execution.finished_at // seconds):012d}"
                for owner in (execution.stack_id, "all"):
                    _count(
                        wanted.setdefault(f"{owner}/{moment}", {}), execution, evidence.graphs[execution.id]
                    )
        for key in wanted.keys() | stored.keys():
            sums = {} if key not in stored else stored[key].model_dump()
            for figure, value in wanted.get(key, {"cycles": 0}).items():
                found = sums.get(figure, 0)
                # What deleted stacks did is on record no more, and still counted.
                if not (_at_least if key.startswith("all/") else _equal)(found, value):
                    yield f"{figure} in the sums of {name} {key} is {found}, of the records {value}"


def _equal(found: Any, value: Any) -> bool:
    return isclose(found, value, abs_tol=1e-6) if isinstance(value, float) else bool(found == value)


def _at_least(found: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return all(found.get(kind, 0) >= number for kind, number in value.items())
    return bool(found >= value - 1e-6)


def _count(sums: dict[str, Any], execution: OrchestratorExecution, graph: ExecutionGraph) -> None:
    assert execution.finished_at is not None
    seconds = execution.finished_at - execution.started_at
    ran = [node for node in graph.nodes if node.status in ("completed", "failed")]
    figures: dict[str, Any] = {
        "cycles": 1,
        "completed": execution.status == "completed",
        "failed": execution.status == "failed",
        "cancelled": execution.status == "cancelled",
        "seconds": seconds,
        "agents_run": len(ran),
        "agents_failed": sum(node.status == "failed" for node in ran),
        "waves": len({node.wave for node in ran}),
        "parallel": max(Counter(node.wave for node in ran).values(), default=0),
        "input_tokens": sum(node.usage.input_tokens for node in ran if node.usage is not None),
    }
    for figure, value in figures.items():
        sums[figure] = sums.get(figure, 0) + value
    sums["longest"] = max(sums.get("longest", 0.0), seconds)
    decisions = sums.setdefault("decisions", {})
    if execution.decision is not None:
        kind = execution.decision.kind.value
        decisions[kind] = decisions.get(kind, 0) + 1
