"""Figures over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Registers NiceGUI's own ECharts, for `chart.js` to load on demand.
import nicegui.elements.echart
from nicegui.element import Element

assert nicegui.elements.echart.__all__

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one row of bars."""

    name: str
    values: Values
    """One value for each time; None where there is none."""
    tone: str = "accent"
    """A colour of `style/tokens.css`."""
    kind: Literal["bar", "line"] = "line"
    stack: str | None = None
    """Bars with the same name are stacked."""


class Chart(Element, component="chart.js"):
    """A chart; its style sets its size, even before it is drawn."""

    def __init__(self, what: str, *, unit: Literal["", "s", "%"] = "", top: float | None = None) -> None:
        """Create it, empty.

        Args:
            what: its subject, also for screen readers.
            unit: of its values.
            top: the highest value of the axis; by default from the highest value.
        """
        super().__init__()
        self._what = what
        self._props.update({"unit": unit, "times": [], "series": [], "span": 60, "label": what})
        self._props.set_optional("top", top)

    def show(self, times: Sequence[float], span: float, series: Sequence[Series], in_words: str) -> None:
        """Show these figures; nothing is sent if they are unchanged.

        Args:
            times: the start of each span, in seconds since the epoch, UTC.
            span: the length of each, in seconds.
            series: the series to draw.
            in_words: a summary for people who cannot see the chart.
        """
        drawn = [
            {
                "name": one.name,
                "values": list(one.values),
                "tone": one.tone,
                "kind": one.kind,
                "stack": one.stack,
            }
            for one in series
        ]
        now = {"times": list(times), "span": span, "series": drawn, "label": f"{self._what}: {in_words}"}
        if any(self._props[name] != value for name, value in now.items()):
            self._props.update(now)
