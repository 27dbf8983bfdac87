"""The texts about a cycle and its nodes."""

from recursor.domain.execution import Decision, DecisionKind, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, ModelUsage, Node, Usage
from recursor.domain.wording import money, run_name
from recursor.web.dashboard.orchestration.pictures import Row
from recursor.web.dashboard.state_styles import CYCLES, DECISIONS, NODES, in_words


def cycle_row(execution: OrchestratorExecution) -> Row:
    """Return a cycle's row for `cycles_table.js`."""
    decision = execution.decision
    return {
        "id": execution.id,
        "number": execution.number,
        "status": CYCLES[execution.status]._asdict(),
        "started": execution.started_at,
        "duration": None if execution.duration is None else in_words(execution.duration),
        "agents": _agents(execution),
        "parallel": execution.summary.max_parallel if execution.summary is not None else "",
        "decision": "" if decision is None else decided(decision),
        "reason": "" if decision is None else decision.reason,
        "error": execution.error or "",
    }


def decided(decision: Decision) -> str:
    """Return a decision in a few words."""
    word = DECISIONS[decision.kind].word
    if decision.kind is not DecisionKind.PAUSE:
        return word
    if decision.suspend:
        return "Pause until resumed"
    return (
        f"Pause {in_words(decision.pause)}" if decision.pause is not None else "Pause until a message or todo"
    )


def node_row(node: Node) -> Row:
    """Return a node's data for the pictures of a cycle."""
    took = None
    if node.started_at is not None and node.finished_at is not None:
        took = in_words(node.finished_at - node.started_at)
    return {
        "key": node.key,
        "role": node.role,
        "name": run_name(node.role, node.todo_id),
        "wave": node.wave,
        "priority": node.priority,
        "reason": node.reason,
        "note": node.note or "",
        "dependencies": list(node.dependencies),
        "attempts": node.attempts,
        "look": NODES[node.status]._asdict(),
        "started": node.started_at,
        "finished": node.finished_at,
        "took": took,
        "usage": "" if node.usage is None else used(node.usage),
    }


def used(usage: Usage) -> str:
    """Return the cost of a run, by model."""
    return "; ".join(_used(part) for part in usage.by_model)


def _used(usage: ModelUsage) -> str:
    parts = [] if usage.model is None else [usage.model]
    parts += [f"{usage.input_tokens:,} tokens in", f"{usage.output_tokens:,} out"]
    parts.append("of unknown price" if usage.cost is None else money(usage.cost))
    return ", ".join(parts)


def graph_in_words(graph: ExecutionGraph) -> str:
    """Return a graph as a sentence for each wave."""
    waves = [
        f"Wave {wave + 1}: "
        + ", ".join(
            f"{run_name(node.role, node.todo_id)} {NODES[node.status].word.lower()}"
            for node in graph.wave(wave)
        )
        for wave in range(graph.waves)
    ]
    return ". ".join(waves) or "No nodes"


def _agents(execution: OrchestratorExecution) -> str:
    summary = execution.summary
    if summary is None:
        return "at work" if execution.finished_at is None else "none"
    parts = [f"{summary.agents_run} ran"]
    if summary.agents_failed:
        parts.append(f"{summary.agents_failed} failed")
    if summary.agents_waiting:
        parts.append(f"{summary.agents_waiting} waiting")
    if summary.agents_skipped:
        parts.append(f"{summary.agents_skipped} skipped")
    return ", ".join(parts)
