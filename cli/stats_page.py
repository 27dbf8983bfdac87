"""Figures over time on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.stack_tables import clipped, fitted, plain_table
from recursor.cli.wording import NEVER, cost, money, plural, span
from recursor.domain.statistics import Figures, OrchestrationStats, Rollup, SpanStats, TotalStats, Use

_HEALTHY, _POOR = 0.95, 0.9
_DAY = 86_400

# Eighths of a bar; the widest bar, in characters.
_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDEST = 20


def stats_page(name: str, stats: Figures) -> Iterator[RenderableType]:
    """Yield the parts of a page of figures."""
    looked = f"  the last {span(stats.until - stats.since)}"
    yield Text.assemble((name, "bold"), (looked, "bright_black"))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("cycles", f"{stats.cycles:,}{_ever(stats)}")
    if stats.cycles:
        longest, average = stats.longest_seconds or 0.0, stats.average_seconds or 0.0
        parallel = stats.average_parallel or 0.0
        decisions = (f"{number:,} {kind}" for kind, number in sorted(stats.decisions.items()))
        facts.add_row("success", _success(stats))
        facts.add_row("duration", f"{span(average)} on average, {span(longest)} at most")
        facts.add_row("agents", f"{plural(stats.agents_run, 'run')}, {_ended_otherwise(stats)}")
        facts.add_row("parallel", f"{parallel:.2f} on average, {stats.max_parallel} at most")
        facts.add_row("decisions", ", ".join(decisions) or NEVER)
    if stats.input_tokens or stats.output_tokens:
        facts.add_row(
            "tokens", f"{stats.input_tokens:,} in, {stats.output_tokens:,} out{_tokens_ever(stats)}"
        )
        facts.add_row("cost", f"{cost(stats.cost, stats.unpriced_tokens)}{_cost_ever(stats)}")
    yield facts
    for heading, uses in (("MODEL", stats.models), ("ROLE", stats.roles)):
        if uses:
            yield ""
            yield _uses_table(heading, uses)


def series_table(spans: Sequence[SpanStats]) -> Table:
    """Return figures over time, oldest first: a row for each span, with a bar for its cycles."""
    # Without a model, the columns are useless.
    used = ("TOKENS", "COST") if any(each.figures.models for each in spans) else ()
    table = plain_table("FROM", "CYCLES", "", "SUCCESS", "AVERAGE", "AGENTS", "PARALLEL", *used)
    for right in (1, *range(3, 7 + len(used))):
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
            *(_used(figures) if used else ()),
        )
    return table


def _uses_table(heading: str, uses: Mapping[str, Use]) -> Table:
    """Return models' usage by `heading`, the most expensive first."""
    table = plain_table(heading, "RUNS", "TOKENS IN", "OUT", "COST")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, use in sorted(uses.items(), key=lambda item: (-item[1].cost, -item[1].input_tokens, item[0])):
        table.add_row(
            clipped(name),
            f"{use.runs:,}",
            f"{use.input_tokens:,}",
            f"{use.output_tokens:,}",
            cost(use.cost, use.unpriced_tokens),
        )
    return fitted(table, heading)


def _used(figures: Rollup) -> tuple[str, str]:
    tokens = figures.input_tokens + figures.output_tokens
    return (f"{tokens:,}", cost(figures.cost, figures.unpriced_tokens)) if tokens else (NEVER, NEVER)


def _tokens_ever(stats: Figures) -> str:
    return f"; {stats.total_tokens:,} in total" if isinstance(stats, TotalStats) else ""


def _cost_ever(stats: Figures) -> str:
    return f"; {money(stats.total_cost)} in total" if isinstance(stats, TotalStats) else ""


def _bar(share: float) -> str:
    """Return a bar of a share of the widest one."""
    whole, eighths = divmod(max(round(share * _WIDEST * 8), 1), 8)
    return "█" * whole + _EIGHTHS[eighths].strip()


def _ever(stats: Figures) -> str:
    match stats:
        case OrchestrationStats():
            # A start resets this count, so it can be lower than that of the span.
            return f"; {stats.total_cycles:,} since the last start"
        case TotalStats():
            runs = plural(stats.total_agent_runs, "agent run")
            return f" of {stats.total_cycles:,} in total, which had {runs}"
        case _:
            return NEVER


def _ended_otherwise(stats: Figures) -> str:
    waited = f", {stats.agents_waiting:,} had to wait" if stats.agents_waiting else ""
    return f"{stats.agents_failed:,} failed{waited}"


def _success(stats: Figures) -> Text:
    judged = f"{stats.completed:,} completed, {stats.failed:,} failed, {stats.cancelled:,} cancelled"
    if stats.waiting:
        judged += f", {stats.waiting:,} waiting"
    rate = stats.success_rate
    if rate is None:
        return Text(judged)
    return Text.assemble(_rate(rate), f" ({judged})")


def _rate(share: float) -> Text:
    style = "green" if share >= _HEALTHY else "yellow" if share >= _POOR else "red"
    return Text(f"{share:.1%}", style)
