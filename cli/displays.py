"""The display of a running runner: plain lines without a terminal, a live picture on one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recursor.cli.output import draw, is_hang_up, make_console, neutral, one_line, print_json, say
from recursor.cli.wording import ahead, plural, run_name, span
from recursor.domain.events import CycleFinished, Event, NodeFinished, StackChanged, Trouble
from recursor.domain.graph import NodeStatus
from recursor.domain.stack import ExecutionState
from recursor.runner.board import Board, View
from recursor.runner.port import DEFAULT_PORT

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.live import Live
    from rich.text import Text

    from recursor.runner.process import Runner

_SIGNS = {NodeStatus.COMPLETED: ("✓", "green"), NodeStatus.WAITING: ("…", "yellow")}
# Lines of a terminal not used by the picture of many stacks.
_SPARE_LINES = 6


class Silent:
    """Prints the runner's address, as JSON or not at all."""

    wants_events = False

    def __init__(self, announce: bool) -> None:
        """Print one JSON object when the runner is up, if `announce`."""
        self._announce = announce

    def up(self, runner: Runner) -> None:
        """See `Display.up`."""
        if self._announce:
            print_json({"url": runner.url, "data": str(runner.data.absolute()), "pid": os.getpid()})

    def happened(self, event: Event, board: Board) -> None:
        """See `Display.happened`."""

    def redraw(self, board: Board) -> None:
        """See `Display.redraw`."""

    def ending(self, grace: float) -> None:
        """See `Display.ending`."""

    def close(self) -> None:
        """See `Display.close`."""


class Lines:
    """Prints a line for every event worth logging. A runner of thousands of stacks logs no cycles."""

    def __init__(self, port: int | None, follow: bool, detailed: bool) -> None:
        """Start.

        Args:
            port: the requested port.
            follow: whether to show events of stacks.
            detailed: whether to also show every run of an agent.
        """
        self.wants_events = follow
        self._port = port
        self._detailed = detailed

    def up(self, runner: Runner) -> None:
        """See `Display.up`."""
        say(f"recursor: {_where(runner, self._port)}")

    def happened(self, event: Event, board: Board) -> None:
        """See `Display.happened`."""
        line = _line(event, board, self._detailed)
        if line is not None:
            say(one_line(line))

    def redraw(self, board: Board) -> None:
        """See `Display.redraw`."""

    def ending(self, grace: float) -> None:
        """See `Display.ending`."""
        if not self._detailed:
            say(f"recursor: shutting down; running agents have {span(grace)}")

    def close(self) -> None:
        """See `Display.close`."""


class Picture:
    """On a terminal: finished work scrolls by, and current work stays below it."""

    wants_events = True

    def __init__(self, port: int | None, detailed: bool) -> None:
        """Start.

        Args:
            port: the requested port.
            detailed: whether one stack is watched; else many may be.
        """
        self._port = port
        self._detailed = detailed
        self._console = make_console()
        self._live: Live | None = None
        self._note = ""

    def up(self, runner: Runner) -> None:
        """See `Display.up`."""
        from rich.live import Live

        draw(_dim(_where(runner, self._port) + ("" if self._detailed else "; Ctrl-C ends it")))
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def happened(self, event: Event, board: Board) -> None:
        """See `Display.happened`."""
        if self._live is None:
            return
        row = _row(event, board, self._detailed)
        if row is not None:
            with self._terminal():
                self._console.print(row, overflow="ellipsis", no_wrap=True)

    def redraw(self, board: Board) -> None:
        """See `Display.redraw`."""
        if self._live is not None:
            with self._terminal():
                self._live.update(self._picture(board), refresh=True)

    def ending(self, grace: float) -> None:
        """See `Display.ending`."""
        self._note = f"shutting down; running agents have {span(grace)}; Ctrl-C again ends at once"

    def close(self) -> None:
        """See `Display.close`."""
        if self._live is not None:
            with self._terminal():
                self._live.stop()
            self._live = None

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        """Stop drawing once the terminal is gone: a signal ends the runner in order."""
        try:
            yield
        except OSError as error:
            if not is_hang_up(error, self._console.file):
                raise
            self._live = None

    def _picture(self, board: Board) -> Group:
        from rich.console import Group

        now = time.time()
        parts: list[Any] = [""]
        if self._detailed and len(board.views) == 1:
            parts.extend(_one(next(iter(board.views.values())), now))
        else:
            parts.append(_many(board, now, self._console.height - _SPARE_LINES))
        parts.append(_totals(board))
        if self._note:
            parts.append(_dim(self._note))
        return Group(*parts)


def _where(runner: Runner, port: int | None) -> str:
    moved = "" if port is not None or runner.port == DEFAULT_PORT else f" (port {DEFAULT_PORT} is taken)"
    return f"running on {runner.data}, {runner.url}{moved}"


def _line(event: Event, board: Board, detailed: bool) -> str | None:
    view = board.views.get(event.stack_id)
    name = event.stack_id[:8] if view is None else view.name
    match event:
        case StackChanged(state=ExecutionState.RUNNING):
            return f"{event.phase}: {name}" if not detailed else str(event.phase)
        case StackChanged():
            return f"{event.state}: {name}" + (f": {event.reason}" if event.reason else "")
        case Trouble():
            return f"trouble: {name}: {event.problem}"
        case NodeFinished() if detailed:
            cycle = "" if view is None or view.cycle is None else f"cycle {view.cycle}: "
            took = span(event.seconds or 0.0)
            who, said = run_name(event.role, event.todo_id), event.note or event.summary
            return f"{cycle}{who} {event.status} in {took}: {said}"
        case CycleFinished() if detailed and event.decision is not None and event.decision.kind != "continue":
            pause = "" if event.decision.pause is None else f" {span(event.decision.pause)}"
            return f"cycle {event.number}: {event.decision.kind}{pause}: {event.decision.reason}"
        case _:
            return None


def _row(event: Event, board: Board, detailed: bool) -> Text | None:
    """Return a line for finished work."""
    from rich.text import Text

    view = board.views.get(event.stack_id)
    if isinstance(event, NodeFinished) and detailed:
        sign, style = _SIGNS.get(event.status, ("✗", "red"))
        return Text.assemble(
            (f"{view.cycle if view and view.cycle else '':>4}  ", "bright_black"),
            (f"{sign} ", style),
            f"{run_name(event.role, event.todo_id):<13}",
            (f"{span(event.seconds or 0.0):>7}  ", "bright_black"),
            (one_line(event.note or event.summary), "" if style == "green" else style),
        )
    if not isinstance(event, StackChanged | Trouble):
        return None
    bad = isinstance(event, Trouble) or event.reason is not None
    return Text(one_line(_line(event, board, detailed) or ""), "red" if bad else "bright_black")


def _one(view: View, now: float) -> Iterator[RenderableType]:
    from rich.text import Text

    from recursor.cli.stack_tables import styled

    cycle = "" if view.cycle is None else f"  cycle {view.cycle}"
    wave = "" if view.wave is None else f", wave {view.wave + 1} of {view.waves}"
    yield Text.assemble(
        (neutral(view.name), "bold"),
        "  ",
        styled(view.state),
        "  ",
        styled(view.phase),
        (cycle + wave, "bright_black"),
    )
    for active in view.running.values():
        yield Text.assemble(
            ("  ● ", "green"),
            f"{run_name(active.role, active.todo_id):<13}",
            (f"{span(now - active.since):>7}  ", "bright_black"),
            (one_line(active.reason), "bright_black"),
            overflow="ellipsis",
            no_wrap=True,
        )
    if not view.running:
        yield _dim("  " + _waiting(view, now))


def _many(board: Board, now: float, lines: int) -> RenderableType:

    from recursor.cli.stack_tables import clipped, fitted, plain_table, styled

    active = sorted((v for v in board.views.values() if v.running), key=lambda v: (v.name, v.id))
    if not active:
        running = sum(v.state is ExecutionState.RUNNING for v in board.views.values())
        return _dim(
            f"{plural(running, 'stack')} running; no role has work" if running else "no stack is running"
        )
    table = plain_table("STACK", "PHASE", "CYCLE", "WAVE", "RUNNING")
    for view in active[: max(lines, 1)]:
        who = ", ".join(f"{run_name(a.role, a.todo_id)} {span(now - a.since)}" for a in view.running.values())
        table.add_row(
            clipped(view.name),
            styled(view.phase),
            str(view.cycle or ""),
            "" if view.wave is None else f"{view.wave + 1}/{view.waves}",
            clipped(who, "green"),
        )
    if len(active) > lines:
        table.add_row(_dim(f"and {len(active) - lines} more"))
    return fitted(table, "STACK", "RUNNING")


def _totals(board: Board) -> Text:
    from rich.text import Text

    totals = board.totals
    failed = f", {totals.failures:,} failed" if totals.failures else ""
    return Text.assemble(
        (f"{plural(totals.cycles, 'cycle')}, {plural(totals.agent_runs, 'agent run')}", "bright_black"),
        (failed, "red"),
    )


def _waiting(view: View, now: float) -> str:
    if view.trouble:
        return one_line(view.trouble)
    if view.waits is None:
        return "checking for work"
    due = "" if view.until is None else f"; next check {ahead(view.until, now)}"
    return one_line(view.waits) + due


def _dim(text: str) -> Text:
    from rich.text import Text

    return Text(text, "bright_black")
