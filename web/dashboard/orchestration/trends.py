"""A team's trends: duration, parallelism, success, runs of agents."""

from collections.abc import Callable, Sequence

from recursor.domain.statistics import Rollup, SpanStats
from recursor.web.dashboard.parts import Box, Chart, Section, Series, Span
from recursor.web.dashboard.ranges import Range
from recursor.web.dashboard.state_styles import in_words, percent


class Trends:
    """Four charts."""

    def __init__(self) -> None:
        """Build them, empty."""
        with Section("Over time"), Box(classes="trends"):
            self._duration = _framed("Duration of a cycle", Chart("Average duration of a cycle", unit="s"))
            self._parallel = _framed("Agents in parallel", Chart("Agents in parallel"))
            self._success = _framed("Success rate", Chart("Success rate", unit="%", top=100))
            self._runs = _framed("Runs of agents", Chart("Runs of agents"))

    def show(self, spans: Sequence[SpanStats], chosen: Range) -> None:
        """Show these spans of time."""
        times = [span.since for span in spans]
        figures = [span.figures for span in spans]
        cycles = sum(each.cycles for each in figures)
        seconds = sum(each.seconds for each in figures)
        judged = sum(each.completed + each.failed for each in figures)
        completed = sum(each.completed for each in figures)
        parallel = sum(each.parallel for each in figures)
        runs, failed = sum(each.agents_run for each in figures), sum(each.agents_failed for each in figures)
        over = f"over {chosen.name}"
        self._duration.show(
            times, chosen.step,
            [Series("Average", _each(figures, lambda f: f.seconds / f.cycles if f.cycles else None), "info")],
            f"{in_words(seconds / cycles if cycles else None)} {over}",
        )  # fmt: skip
        self._parallel.show(
            times, chosen.step,
            [Series("Average", _each(figures, lambda f: f.parallel / f.cycles if f.cycles else None))],
            f"{parallel / cycles:.1f} {over}" if cycles else f"nothing {over}",
        )  # fmt: skip
        self._success.show(
            times, chosen.step, [Series("Success", _each(figures, _rate), "good")],
            f"{percent(completed / judged if judged else None)} {over}",
        )  # fmt: skip
        self._runs.show(
            times, chosen.step,
            [
                Series("Completed", [f.agents_run - f.agents_failed for f in figures], "accent", "bar", "a"),
                Series("Failed", [f.agents_failed for f in figures], "bad", "bar", "a"),
            ],
            f"{runs:,}, of which {failed:,} failed, {over}",
        )  # fmt: skip


def _framed(title: str, chart: Chart) -> Chart:
    with Box(classes="card trend") as box:
        Span(title, tag="h3")
    chart.move(box)
    return chart


def _each(figures: Sequence[Rollup], what: Callable[[Rollup], float | None]) -> list[float | None]:
    return [None if (value := what(one)) is None else round(value, 3) for one in figures]


def _rate(figures: Rollup) -> float | None:
    judged = figures.completed + figures.failed
    return 100 * figures.completed / judged if judged else None
