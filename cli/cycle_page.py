"""One cycle on a terminal: its data, its runs over time, and its cost."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import one_line
from recursor.cli.stack_tables import STYLES, plain_table, styled
from recursor.cli.wording import ago, clock_time, money, plural, run_name, span
from recursor.cli.work_tables import graph_table
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import Node, Usage
from recursor.storage.lookups import ExecutionInFull

# Characters of a timeline: with the roles before it and the times after it, it fits 80 columns.
_WIDTH = 40


def cycle_page(found: ExecutionInFull, now: float) -> Iterator[RenderableType]:
    """Yield the parts of one cycle's page."""
    execution, graph = found.execution, found.graph
    yield Text.assemble((f"cycle {execution.number}", "bold"), "  ", styled(execution.status))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(execution, found.usage, now):
        facts.add_row(label, value)
    yield facts
    if graph is None:
        yield Text("\nits graph is no longer kept", "bright_black")
        return
    if not graph.nodes:
        return
    yield ""
    yield graph_table(graph)
    ran = [node for node in graph.nodes if node.started_at is not None]
    if ran:
        yield ""
        yield _timeline(ran, execution, now)


def _facts(
    execution: OrchestratorExecution, usage: Usage, now: float
) -> Iterator[tuple[str, RenderableType]]:
    yield "id", execution.id
    took = "" if execution.duration is None else f", took {span(execution.duration)}"
    yield "started", f"{clock_time(execution.started_at)}, {ago(execution.started_at, now)}{took}"
    if execution.error:
        yield "error", Text(one_line(execution.error), "red")
    if execution.decision is not None:
        decision = execution.decision
        pause = "" if decision.pause is None else f" {span(decision.pause)}"
        yield (
            "decision",
            Text.assemble(f"{decision.kind}{pause}", (f"  {one_line(decision.reason)}", "bright_black")),
        )
    summary = execution.summary
    if summary is not None:
        yield (
            "agents",
            f"{plural(summary.agents_run, 'run')}, {summary.agents_failed} failed, "
            f"{summary.agents_skipped} skipped, in {plural(summary.waves, 'wave')}, "
            f"{summary.max_parallel} at a time at most, {span(summary.agent_seconds)} together",
        )
    if usage.input_tokens or usage.output_tokens or usage.cost is not None:
        cost = ", of unknown price" if usage.cost is None else f", {money(usage.cost)}"
        model = "" if usage.model is None else f"  {one_line(usage.model)}"
        yield "usage", f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out{cost}{model}"


def _timeline(ran: Sequence[Node], execution: OrchestratorExecution, now: float) -> Table:
    """Return a bar for each run, on one scale from the cycle's start to its end."""
    begin = execution.started_at
    ends = [node.finished_at or now for node in ran]
    whole = max(*ends, execution.finished_at or 0.0, begin) - begin or 1.0
    table = plain_table("ROLE", f"WHEN (0 to {span(whole)})", "FROM", "TO")
    table.columns[2].justify = table.columns[3].justify = "right"
    for node, end in zip(ran, ends, strict=True):
        start = (node.started_at or begin) - begin
        first = min(int(start / whole * _WIDTH), _WIDTH - 1)
        length = max(round((end - begin - start) / whole * _WIDTH), 1)
        bar = " " * max(first, 0) + "█" * min(length, _WIDTH - first)
        running = node.finished_at is None
        table.add_row(
            run_name(node.role, node.todo_id),
            Text(bar, STYLES.get(node.status, "yellow")),
            span(max(start, 0.0)),
            Text("runs", "yellow") if running else span(max(end - begin, 0.0)),
        )
    return table
