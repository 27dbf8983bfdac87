"""How a stack's work and history look on a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.stack_tables import clipped, fitted, plain_table, styled
from recursor.cli.wording import NEVER, ago, clock_time, plural, span
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node
from recursor.domain.statistics import OrchestrationStats
from recursor.domain.todo import Todo

_URGENT, _HIGH, _MIDDLE = 9, 7, 5
_HEALTHY, _POOR = 0.95, 0.9


def todos_table(todos: Iterable[Todo], now: float) -> Table:
    """Return a list of todos."""
    table = plain_table("ID", "PRIORITY", "STATUS", "BY", "UPDATED", "TODO")
    table.columns[1].justify = "center"
    for todo in todos:
        table.add_row(
            Text(todo.id[-8:], "bright_black"),
            Text(str(todo.priority), _urgency(2 * todo.priority)) if todo.status.open else str(todo.priority),
            styled(todo.status),
            neutral(todo.assigned_by),
            ago(todo.updated_at, now),
            Text(one_line(todo.content), "" if todo.status.open else "bright_black"),
        )
    return fitted(table, "TODO")


def executions_table(executions: Iterable[OrchestratorExecution], now: float) -> Table:
    """Return a list of cycles."""
    table = plain_table("CYCLE", "STARTED", "TOOK", "STATUS", "AGENTS", "WAVES", "DECISION", "BECAUSE")
    for right in (0, 2, 4, 5):
        table.columns[right].justify = "right"
    for execution in executions:
        summary, decision = execution.summary, execution.decision
        took = execution.duration
        table.add_row(
            str(execution.number),
            ago(execution.started_at, now),
            NEVER if took is None else span(took),
            styled(execution.status),
            str(summary.agents_run) if summary else NEVER,
            str(summary.waves) if summary else NEVER,
            NEVER if decision is None else _decision(decision.kind.value, decision.pause),
            _because(execution),
        )
    return fitted(table, "BECAUSE")


def graph_page(graph: ExecutionGraph, execution: OrchestratorExecution | None) -> Iterator[RenderableType]:
    """Yield the parts of one cycle's graph."""
    status = "" if execution is None else execution.status.value
    title = f"cycle {execution.number}" if execution is not None else f"cycle {graph.id}"
    yield Text.assemble(
        (title, "bold"), "  ", (clock_time(graph.created_at), "bright_black"), "  ", styled(status)
    )
    table = plain_table("WAVE", "ROLE", "PRIORITY", "STATUS", "TOOK", "AFTER", "WHY")
    table.columns[0].justify = table.columns[4].justify = "right"
    table.columns[2].justify = "center"
    for number, nodes in groupby(graph.nodes, lambda node: node.wave):
        for index, node in enumerate(nodes):
            table.add_row(
                str(number + 1) if index == 0 else "",
                node.role,
                Text(str(node.priority), _urgency(node.priority)),
                styled(node.status),
                _took(node),
                ", ".join(node.dependencies),
                _why(node),
            )
    yield fitted(table, "WHY")
    yield ""


def work_table(statuses: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return who has work, from the JSON of a work report, most urgent first."""
    table = plain_table("ROLE", "PRIORITY", "WHY", "AFTER")
    table.columns[1].justify = "center"
    for role, status in sorted(statuses.items(), key=lambda item: -item[1]["priority"]):
        style = _urgency(status["priority"]) if status["has_work"] else "bright_black"
        table.add_row(
            Text(role, style),
            Text(str(status["priority"]) if status["has_work"] else NEVER, style),
            Text(one_line(status["reason"]), "" if status["has_work"] else "bright_black"),
            ", ".join(status["dependencies"]),
        )
    return fitted(table, "WHY")


def stats_page(name: str, stats: OrchestrationStats) -> Iterator[RenderableType]:
    """Yield the parts of a stack's figures."""
    looked = f"  the last {span(stats.until - stats.since)}"
    yield Text.assemble((neutral(name), "bold"), (looked, "bright_black"))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("cycles", f"{stats.cycles:,} of {stats.total_cycles:,} since the start")
    if stats.cycles:
        longest, average = stats.longest_seconds or 0.0, stats.average_seconds or 0.0
        parallel = stats.average_parallel or 0.0
        decisions = (f"{number:,} {kind}" for kind, number in sorted(stats.decisions.items()))
        facts.add_row("success", _success(stats))
        facts.add_row("duration", f"{span(average)} on average, {span(longest)} at most")
        facts.add_row("agents", f"{plural(stats.agents_run, 'run')}, {stats.agents_failed:,} failed")
        facts.add_row("parallel", f"{parallel:.2f} on average, {stats.max_parallel} at most")
        facts.add_row("decisions", ", ".join(decisions) or NEVER)
    if stats.input_tokens or stats.output_tokens:
        facts.add_row("tokens", f"{stats.input_tokens:,} in, {stats.output_tokens:,} out")
    yield facts


def _urgency(priority: int) -> str:
    if priority >= _URGENT:
        return "bold red"
    if priority >= _HIGH:
        return "yellow"
    return "cyan" if priority >= _MIDDLE else ""


def _decision(kind: str, pause: float | None) -> str:
    return f"{kind} {span(pause)}" if pause is not None else kind


def _because(execution: OrchestratorExecution) -> Text:
    if execution.error:
        return clipped(execution.error, "red")
    return clipped(execution.decision.reason if execution.decision else "", "bright_black")


def _took(node: Node) -> str:
    if node.started_at is None or node.finished_at is None:
        return NEVER
    return span(node.finished_at - node.started_at)


def _why(node: Node) -> Text:
    if node.note:
        return Text(one_line(node.note), "red" if node.status == "failed" else "bright_black")
    return Text(one_line(node.reason), "bright_black")


def _success(stats: OrchestrationStats) -> Text:
    judged = f"{stats.completed:,} completed, {stats.failed:,} failed, {stats.cancelled:,} cancelled"
    rate = stats.success_rate
    if rate is None:
        return Text(judged)
    style = "green" if rate >= _HEALTHY else "yellow" if rate >= _POOR else "red"
    return Text.assemble((f"{rate:.1%}", style), f" ({judged})")
