"""Watched stacks on a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.stack_tables import clipped, fitted, plain_table, stack_page, state_now, styled
from recursor.cli.wording import ahead, plural, run_name, span
from recursor.cli.work_tables import executions_table
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.stack import ExecutionState
from recursor.storage.overview import Overview
from recursor.storage.stack_listing import StackListed, StackPage

# Lines of the picture of all stacks besides their rows: two above, the headings, one below.
MARGIN_LINES = 5

# Characters of an unfinished answer.
_SAID = 100

# Unfinished answers: there may be as many as builders.
_WRITING_SHOWN = 8

_HINT = Text("q ends it", "bright_black")


def all_stacks(page: StackPage, runner: str | None, now: float) -> Group:
    """Return the picture of all stacks.

    Args:
        page: as many stacks as fit.
        runner: the runner in words; None if there is none.
        now: seconds since the epoch, UTC.
    """
    parts: list[RenderableType] = [_summary(page, runner), ""]
    if page.items:
        table = plain_table("NAME", "STATE", "PHASE", "CYCLES", "24 H", "NOW")
        table.columns[3].justify = table.columns[4].justify = "right"
        for stack in page.items:
            table.add_row(
                clipped(stack.name or stack.id),
                styled("unreadable") if stack.problem else state_now(stack.state, stack.waits_for),
                styled(stack.phase),
                f"{stack.total_cycles:,}",
                _success(stack),
                _doing(stack, now),
            )
        parts.append(fitted(table, "NAME", "NOW"))
    else:
        parts.append(
            Text("no stack yet: `recursor create NAME --idea TEXT --start` creates one", "bright_black")
        )
    more = page.matching - len(page.items)
    parts.append(Text.assemble((f"and {more:,} more; " if more > 0 else "", "bright_black"), _HINT))
    return Group(*parts)


def one_stack(
    found: Overview,
    live: Mapping[str, Any] | None,
    waits: str | None,
    cycles: Iterable[OrchestratorExecution],
    said: Mapping[tuple[str, str | None], str],
    now: float,
    lines: int,
    *,
    unserved: bool = False,
) -> Group:
    """Return the picture of one stack, no longer than the terminal.

    Args:
        found: the stack's data from the store.
        live: the runner's status of the stack, as JSON; None if no runner is up.
        waits: why nothing runs.
        cycles: the last cycles, newest first.
        said: the agents' unfinished answers, by role and todo.
        now: seconds since the epoch, UTC.
        lines: the terminal's lines.
        unserved: see `stack_page`.
    """
    parts: list[RenderableType] = list(stack_page(found, live, now, unserved=unserved))
    if waits and found.stack.state is ExecutionState.RUNNING:
        parts += ["", Text.assemble(("why nothing runs  ", "bright_black"), one_line(waits))]
    cycles = list(cycles)
    running = [(each["role"], each.get("todo_id")) for each in (live or {}).get("running", ())]
    writing = [name for name in running if name in said][:_WRITING_SHOWN]
    for name in writing:
        parts.append(_unfinished(run_name(*name), said[name]))
    # The stack's own page has twelve lines without its agents.
    room = lines - 14 - len(found.agents) - len(writing)
    if cycles and room > 1:
        parts += ["", executions_table(cycles[: room - 1], now)]
    return Group(*parts, "", _HINT)


def _summary(page: StackPage, runner: str | None) -> Text:
    counted = [(state, number) for state, number in page.states.items() if number]
    line = Text.assemble((plural(page.total, "stack"), "bold"), no_wrap=True, overflow="ellipsis")
    for state, number in counted:
        line.append("  ").append(f"{number:,} ").append(styled(state))
    if runner is None:
        line.append("  no runner is up: `recursor run` starts one", "yellow")
    else:
        line.append(f"  {runner}", "bright_black")
    return line


def _unfinished(run: str, text: str) -> Text:
    """Return the end of an unfinished answer on one line, so that the newest part shows."""
    line = one_line(text)
    shown = line if len(line) <= _SAID else f"…{line[-_SAID:]}"
    return Text.assemble(
        (f"{run} writes  ", "bright_black"), (shown, "italic"), no_wrap=True, overflow="ellipsis"
    )


def _success(stack: StackListed) -> Text:
    if stack.success_rate is None:
        return Text("")
    style = "green" if stack.success_rate >= 0.95 else "yellow" if stack.success_rate >= 0.9 else "red"
    return Text(f"{stack.success_rate:.0%}", style)


def _doing(stack: StackListed, now: float) -> Text:
    if stack.problem:
        return clipped(stack.problem, "red")
    waiting = f"{plural(stack.unanswered, 'message')} unanswered; " if stack.unanswered else ""
    if stack.running:
        who = ", ".join(
            f"{run_name(each.role, each.todo_id)} "
            f"{'waits for a slot' if each.since is None else span(now - each.since)}"
            for each in stack.running
        )
        return clipped(waiting + neutral(who), "green")
    due = f"; next check {ahead(stack.next_look_at, now)}" if stack.next_look_at else ""
    return clipped(waiting + (stack.waits or "") + due, "bright_black")
