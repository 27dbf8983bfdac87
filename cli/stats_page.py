"""How figures over time look on a terminal."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.stack_tables import plain_table
from recursor.cli.wording import NEVER, plural, span
from recursor.domain.statistics import Figures, OrchestrationStats, SpanStats, TotalStats

_HEALTHY, _POOR = 0.95, 0.9
_DAY = 86_400

# Eighths of a bar; the widest bar, in characters.
_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDEST = 20


def stats_page(name: str, stats: Figures) -> Iterator[RenderableType]:
    """Yield the parts of the figures of a stack, or of all."""
    looked = f"  the last {span(stats.until - stats.since)}"
    yield Text.assemble((name, "bold"), (looked, "bright_black"))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("cycles", f"{stats.cycles:,} of {_ever(stats)}")
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


def series_table(spans: Sequence[SpanStats]) -> Table:
    """Return figures over time, oldest first: a row for each span, with a bar for its cycles."""
    table = plain_table("FROM", "CYCLES", "", "SUCCESS", "AVERAGE", "AGENTS", "PARALLEL")
    for right in (1, 3, 4, 5, 6):
        table.columns[right].justify = "right"
    most = max(each.figures.cycles for each in spans)
    form = "%Y-%m-%d" if spans[0].until - spans[0].since >= _DAY else "%m-%d %H:%M"
    for each in spans:
        figures = each.figures
        begin = Text(datetime.fromtimestamp(each.since).astimezone().strftime(form), "bright_black")
        if not figures.cycles:
            table.add_row(begin, Text(NEVER, "bright_black"))
            continue
        judged = figures.completed + figures.failed
        table.add_row(
            begin,
            f"{figures.cycles:,}",
            Text(_bar(figures.cycles / most), "cyan"),
            _rate(figures.completed / judged) if judged else NEVER,
            span(figures.seconds / figures.cycles),
            f"{figures.agents_run:,}",
            f"{figures.parallel / figures.cycles:.2f}",
        )
    return table


def _bar(share: float) -> str:
    """Return a bar of a share of the widest one."""
    whole, eighths = divmod(max(round(share * _WIDEST * 8), 1), 8)
    return "█" * whole + _EIGHTHS[eighths].strip()


def _ever(stats: Figures) -> str:
    match stats:
        case OrchestrationStats():
            return f"{stats.total_cycles:,} since the start"
        case TotalStats():
            runs = plural(stats.total_agent_runs, "agent run")
            return f"{stats.total_cycles:,} ever, which had {runs}"
        case _:
            return NEVER


def _success(stats: Figures) -> Text:
    judged = f"{stats.completed:,} completed, {stats.failed:,} failed, {stats.cancelled:,} cancelled"
    rate = stats.success_rate
    if rate is None:
        return Text(judged)
    return Text.assemble(_rate(rate), f" ({judged})")


def _rate(share: float) -> Text:
    style = "green" if share >= _HEALTHY else "yellow" if share >= _POOR else "red"
    return Text(f"{share:.1%}", style)
