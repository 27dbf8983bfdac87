"""Stacks on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.wording import ago, ahead, plural, run_name, size, span
from recursor.domain.agent_state import WaitsFor
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.record import seconds_of
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.domain.todo import TodoStatus
from recursor.domain.wording import COMMIT_DIGITS

if TYPE_CHECKING:
    from recursor.domain.agent_state import AgentState
    from recursor.domain.project import ProjectIdea
    from recursor.storage.overview import ArtifactInfo, Overview
    from recursor.storage.stack_listing import ActiveRole, StackListed

STYLES: Mapping[str, str] = {
    ExecutionState.IDLE: "cyan",
    ExecutionState.RUNNING: "green",
    ExecutionState.PAUSED: "yellow",
    ExecutionState.STOPPED: "bright_black",
    Phase.COMPLETE: "green",
    Phase.PARTIAL: "yellow",
    ExecutionStatus.COMPLETED: "green",
    ExecutionStatus.FAILED: "red",
    ExecutionStatus.WAITING: "yellow",
    ExecutionStatus.CANCELLED: "bright_black",
    NodeStatus.PENDING: "cyan",
    NodeStatus.SKIPPED: "bright_black",
    TodoStatus.IN_PROGRESS: "yellow",
    "unreadable": "red",
}

_MOST_UNREADABLE = 5

# Characters of a problem on one line.
_LONGEST_PROBLEM = 300


def styled(word: str) -> Text:
    """Return a state's name in its colour."""
    return Text(word.replace("_", " "), STYLES.get(word, ""))


def plain_table(*headings: str) -> Table:
    """Return a table without lines: headings above aligned columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    for heading in headings:
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    return table


def fitted(table: Table, *elastic: str) -> Table:
    """Return the table with only the `elastic` columns narrowed if it does not fit the terminal."""
    for column in table.columns:
        if str(column.header) in elastic:
            # Rich first narrows columns that may wrap; `clipped` cells don't wrap anyway.
            column.no_wrap = False
        else:
            plain = (cell.plain if isinstance(cell, Text) else str(cell) for cell in column.cells)
            widest = max(map(cell_len, plain), default=0)
            column.min_width = max(widest, len(str(column.header)))
    return table


def clipped(text: str, style: str = "") -> Text:
    """Return text on one line, cut at the available width."""
    return Text(one_line(text), style, no_wrap=True, overflow="ellipsis")


def stacks_table(stacks: Iterable[StackListed], now: float) -> Table:
    """Return the list of stacks."""
    table = plain_table("ID", "NAME", "STATE", "PHASE", "CYCLES", "LAST CYCLE", "NOW")
    table.columns[4].justify = "right"
    for stack in stacks:
        if stack.problem is not None:
            table.add_row(neutral(stack.id), "", styled("unreadable"), "", "", "", clipped(stack.problem))
            continue
        table.add_row(
            stack.id[:8],
            clipped(stack.name),
            state_now(stack.state, stack.waits_for),
            styled(stack.phase),
            str(stack.total_cycles),
            ago(stack.last_activity_at, now),
            _now(stack),
        )
    return fitted(table, "NAME", "NOW")


def stack_page(
    found: Overview,
    live: Mapping[str, Any] | None,
    now: float,
    *,
    unserved: bool = False,
    disk_bytes: int | None = None,
) -> Iterator[RenderableType]:
    """Yield the parts of one stack's page.

    Args:
        found: the stack's data from the store.
        live: the runner's status of the stack, as JSON; None if no runner answers.
        now: seconds since the epoch, UTC.
        unserved: whether a runner is up that does not answer.
        disk_bytes: what its repository and the directories of runs take; None if unknown.
    """
    stack = found.stack
    state = state_now(stack.state, found.waits_for)
    far = ": done as far as a scripted team can" if stack.phase is Phase.PARTIAL else ""
    yield Text.assemble((neutral(stack.name), "bold"), "  ", state, "  ", styled(stack.phase), far)
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(found, live, now, unserved):
        facts.add_row(label, value)
    if disk_bytes is not None:
        facts.add_row("disk", size(disk_bytes))
    yield facts
    if found.agents:
        yield ""
        yield _agents_table(found.agents, now)


def idea_page(idea: ProjectIdea, now: float) -> Table:
    """Return a stack's project."""
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("idea", neutral(idea.idea))
    if idea.title:
        facts.add_row("title", neutral(idea.title))
    if idea.description:
        facts.add_row("description", neutral(idea.description))
    for index, feature in enumerate(idea.features):
        facts.add_row("" if index else "features", neutral(feature))
    reading = idea.reading
    for line in () if reading is None else (*reading.made, *reading.not_made):
        facts.add_row("understood", neutral(line))
    facts.add_row("updated", f"{ago(idea.updated_at, now)} by {neutral(idea.updated_by)}")
    return facts


def artifacts_table(artifacts: Iterable[ArtifactInfo], now: float) -> Table:
    """Return a list of versions."""
    table = plain_table("VERSION", "BY", "SIZE", "MADE")
    table.columns[0].justify = table.columns[2].justify = "right"
    for each in artifacts:
        table.add_row(str(each.number), neutral(each.author), size(each.bytes), ago(each.created_at, now))
    return table


def _facts(
    found: Overview, live: Mapping[str, Any] | None, now: float, unserved: bool
) -> Iterator[tuple[str, RenderableType]]:
    stack, idea = found.stack, found.idea
    yield "id", stack.id
    if stack.state_reason:
        yield stack.state, Text(one_line(stack.state_reason), STYLES[stack.state])
    none = "unreadable" if any(each.startswith("project_ideas ") for each in found.unreadable) else "none yet"
    yield "idea", Text(none, "bright_black") if idea is None else neutral(idea.idea)
    if idea is not None and idea.title:
        yield "title", neutral(idea.title)
    if idea is not None and idea.reading is not None:
        yield "team", "scripted: fixed rules, no model"
        if idea.reading.missing:
            yield "missing", Text("; ".join(map(one_line, idea.reading.missing)), "yellow")
    if idea is not None and idea.features:
        yield "features", neutral(", ".join(idea.features))
    yield "created", ago(stack.created_at, now)
    last = f", the last {ago(stack.last_activity_at, now)}" if stack.last_activity_at else ""
    yield "cycles", f"{_counted(stack)}{last}"
    yield "now", _doing(stack, live, now, unserved)
    if found.todos:
        yield (
            "todos",
            ", ".join(f"{found.todos[s]} {s.replace('_', ' ')}" for s in TodoStatus if s in found.todos),
        )
    if found.unanswered:
        yield "messages", Text(plural(found.unanswered, "message") + " unanswered", "yellow")
    if found.workspace is not None:
        yield from _of_repository(found, now)
    if found.artifact is not None:
        made = found.artifact
        yield (
            "artifact",
            f"version {made.number} by {made.author}, {size(made.bytes)}, {ago(made.created_at, now)}",
        )
    for problem in found.unreadable[:_MOST_UNREADABLE]:
        yield "unreadable", Text(one_line(problem), STYLES["unreadable"])
    for section, values in stack.settings.items():
        for key, value in values.items():
            yield "setting", neutral(f"{section}.{key} = {value}")


def _of_repository(found: Overview, now: float) -> Iterator[tuple[str, RenderableType]]:
    workspace = found.workspace
    assert workspace is not None
    origin = "a new one" if workspace.origin is None else f"a clone of {neutral(workspace.origin)}"
    if workspace.tip is None:
        yield "repository", f"{origin}, not made yet"
        return
    yield "repository", f"{origin}, on the branch {workspace.branch}"
    moved = "" if not workspace.number else f", moved {plural(workspace.number, 'time')}"
    yield "tip", f"{workspace.tip[:COMMIT_DIGITS]}{moved}, {ago(workspace.updated_at, now)}"
    if workspace.checks:
        failed = [each.command for each in workspace.checks if not each.passed]
        told = (
            f"failed: {one_line(failed[0])}" if failed else f"{plural(len(workspace.checks), 'check')} passed"
        )
        yield "checks", Text(told, "red" if failed else "")
    if workspace.problem is not None:
        yield "problem", Text(one_line(workspace.problem)[:_LONGEST_PROBLEM], "red")
    if workspace.pulls:
        yield "pulls", f"{len(workspace.pulls):,} to merge"
    if found.queued:
        yield "queue", f"{plural(found.queued, 'commit')} to merge"


def _counted(stack: Stack) -> str:
    running = stack.current_execution_id is not None
    if stack.last_cycle <= stack.total_cycles + running:
        return str(stack.total_cycles)
    return f"{stack.total_cycles} since the last start, {stack.last_cycle} in total"


def _doing(stack: Stack, live: Mapping[str, Any] | None, now: float, unserved: bool) -> Text:
    if live is None:
        return _unanswered(stack, unserved)
    if live.get("trouble"):
        return Text(one_line(str(live["trouble"])), "red")
    running = live.get("running") or []
    if running:
        return Text(
            f"cycle {live['cycle']}, wave {live['wave'] + 1}: " + "; ".join(_agent(a, now) for a in running)
        )
    if stack.state is not ExecutionState.RUNNING:
        return Text("nothing runs", "bright_black")
    if stack.next_look_at is None:
        return Text("waiting for a message or todo", "bright_black")
    return Text(f"waits; next check {ahead(stack.next_look_at, now)}", "bright_black")


def _unanswered(stack: Stack, unserved: bool) -> Text:
    if unserved:
        return Text("a runner is up, but does not answer: see `recursor doctor`", "yellow")
    if stack.state is ExecutionState.RUNNING:
        return Text("no runner is up: `recursor run` starts one", "yellow")
    return Text("no runner is up", "bright_black")


def _agent(agent: Mapping[str, Any], now: float) -> str:
    since = agent["since"]
    how_long = "waits for a slot" if since is None else f"for {span(now - seconds_of(since))}"
    return f"{run_name(agent['role'], agent.get('todo_id'))} {how_long} ({one_line(agent['reason'])})"


def _agents_table(agents: Iterable[AgentState], now: float) -> Table:
    table = plain_table("ROLE", "LAST RUN", "AT", "")
    for agent in agents:
        error = Text(one_line(agent.last_error), "red") if agent.last_error else Text("")
        focus = agent.short_term.active_task or agent.short_term.focus or ""
        table.add_row(agent.role, ago(agent.last_run_at, now), clipped(focus), error)
    return fitted(table, "AT", "")


def state_now(state: ExecutionState, waits_for: WaitsFor | None) -> Text:
    """Return the state of a stack, or what a running one waits for if it cannot continue."""
    return styled(state) if waits_for is None else Text(f"waiting for {waits_for}", "yellow")


def working(running: Iterable[ActiveRole]) -> str:
    """Return running agents in a few words: several of one role are counted."""
    counted = Counter((each.role, each.since is not None) for each in running)
    return ", ".join(
        role + (f" ({count})" if count > 1 else "") + ("" if begun else " waits for a slot")
        for (role, begun), count in counted.items()
    )


def _now(stack: StackListed) -> Text:
    if stack.running:
        begun = any(active.since is not None for active in stack.running)
        return clipped(working(stack.running), "green" if begun else "bright_black")
    return clipped(stack.waits or "", "bright_black")
