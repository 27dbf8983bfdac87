"""Figures over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Registers the ECharts that NiceGUI brings, for `chart.js` to load when it is needed.
import nicegui.elements.echart
from nicegui.element import Element

assert nicegui.elements.echart.__all__

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one row of bars."""

    name: str
    values: Values
    """One for each time; None where there is nothing to tell."""
    tone: str = "accent"
    """A colour of `style/tokens.css`."""
    kind: Literal["bar", "line"] = "line"
    stack: str | None = None
    """Bars with the same one stand on each other."""


class Chart(Element, component="chart.js"):
    """A chart; it has the size that its style gives it, also before it is drawn."""

    def __init__(self, what: str, *, unit: Literal["", "s", "%"] = "", top: float | None = None) -> None:
        """Make it, empty.

        Args:
            what: what it shows; a part of what screen readers say.
            unit: of its values.
            top: the highest value of the axis; by default that of the highest value.
        """
        super().__init__()
        self._what = what
        self._props.update({"unit": unit, "times": [], "series": [], "span": 60, "label": what})
        self._props.set_optional("top", top)

    def show(self, times: Sequence[float], span: float, series: Sequence[Series], in_words: str) -> None:
        """Show these figures; nothing is sent if they are as shown.

        Args:
            times: where each span of time begins, in seconds since the epoch, UTC.
            span: how long each is, in seconds.
            series: what to draw.
            in_words: the gist of it, for those who do not see it.
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
