"""The figures of all teams, and their throughput over time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from recursor.domain.stack import ExecutionState
from recursor.domain.statistics import SpanStats, TotalStats
from recursor.domain.wording import cost
from recursor.storage.queries import stats_series, total_stats
from recursor.storage.stack_listing import StackPage
from recursor.storage.store import Reader
from recursor.storage.tables import ALL_STACKS
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box, Chart, Segments, Series, Span
from recursor.web.dashboard.ranges import Range, range_of
from recursor.web.dashboard.state_styles import percent

_SHOWN = {"1h": "Per minute", "24h": "Per hour", "30d": "Per day"}
_USUAL = "1h"


@dataclass(frozen=True, slots=True)
class TotalsData:
    """The figures of all teams in a span of time."""

    chosen: Range
    total: TotalStats
    spans: list[SpanStats]


class TotalsPanel:
    """The number of running teams, their work, and its success."""

    def __init__(self, page: PageContext, on_choose: Callable[[], Awaitable[None] | None]) -> None:
        """Build it, empty; `on_choose` is called when a person chooses another span of time."""
        self._page = page
        self._on_choose = on_choose
        chosen = page.address.get("range", _USUAL)
        with Box("section", "totals", aria_label="All teams together"):
            with Box(classes="card totals-figures"):
                self._running = _Figure("Running now")
                self._cycles = _Figure("Cycles")
                self._success = _Figure("Success rate")
                self._runs = _Figure("Runs of agents")
            with Box(classes="card totals-chart"):
                with Box(classes="section-head"):
                    Span("Throughput", tag="h2")
                    self._range = Segments("Time", _SHOWN, chosen, self._choose)
                self._chart = Chart("Throughput of all teams")

    def read(self, reader: Reader) -> TotalsData:
        """Return the figures of the chosen span."""
        now = self._page.engine.now()
        chosen = range_of(self._range.chosen)
        total = total_stats(reader, chosen.since(now), now)
        spans = stats_series(reader, ALL_STACKS, chosen.since(now), now, chosen.step)
        return TotalsData(chosen, total, spans)

    def show(self, done: TotalsData, found: StackPage) -> None:
        """Show the figures."""
        chosen, total, spans = done.chosen, done.total, done.spans
        running = found.states.get(ExecutionState.RUNNING, 0)
        over = f"in {chosen.name}"
        self._running.show(f"{running:,}", f"of {found.total:,} teams")
        self._cycles.show(f"{total.cycles:,}", f"{over}, {total.total_cycles:,} in total")
        failed = f"{total.failed:,} failed {over}"
        self._success.show(percent(total.success_rate), failed)
        spent = f" for {cost(total.cost, total.unpriced_tokens)}" if total.models else ""
        self._runs.show(f"{total.agents_run:,}", f"{over}{spent}, {total.total_agent_runs:,} in total")
        figures = [span.figures for span in spans]
        self._chart.show(
            [span.since for span in spans],
            chosen.step,
            [
                Series("Cycles", [f.cycles - f.failed for f in figures], "accent", "bar", "cycles"),
                Series("Failed cycles", [f.failed for f in figures], "bad", "bar", "cycles"),
            ],
            f"{total.cycles:,} cycles, of which {total.failed:,} failed, {over}",
        )

    def _choose(self, value: str) -> Awaitable[None] | None:
        self._page.address.set(range=None if value == _USUAL else value)
        return self._on_choose()

    def follow_address(self) -> None:
        """Show the span of time in the address."""
        self._range.choose(self._page.address.get("range", _USUAL))


class _Figure:
    def __init__(self, name: str) -> None:
        with Box(classes="total"):
            Span(name, "figure-name")
            self._value = Span("—", "figure-value")
            self._note = Span("", "muted figure-note")

    def show(self, value: str, note: str) -> None:
        self._value.text, self._note.text = value, note
