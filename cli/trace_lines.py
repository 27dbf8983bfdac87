"""An agent's run on a terminal."""

from collections import Counter

from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.wording import clock_time
from recursor.domain.trace import Trace

_LONGEST_ROLE = 13


def trace_entry(trace: Trace) -> Table:
    """Return a run: time, role and summary, and below them its thoughts and effects."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(style="cyan", no_wrap=True, min_width=_LONGEST_ROLE)
    table.add_column(overflow="fold")
    summary = one_line(trace.summary)
    table.add_row(clock_time(trace.created_at), trace.role, summary or Text("(says nothing)", "bright_black"))
    for thought in trace.thoughts:
        table.add_row("", "", Text(neutral(thought), "bright_black"))
    if trace.effects:
        table.add_row("", "", Text(f"→ {_counted(trace.effects)}", "bright_black"))
    return table


def _counted(effects: tuple[str, ...]) -> str:
    return ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in Counter(effects).items())
