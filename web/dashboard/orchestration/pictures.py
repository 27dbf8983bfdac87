"""Pictures of cycles and of work, drawn by the browser from data."""

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element

Row = dict[str, Any]


class _Drawn(Element):
    """Draws its data, and sends nothing if they are unchanged."""

    def _give(self, **props: object) -> None:
        if any(self._props.get(name) != value for name, value in props.items()):
            self._props.update(props)


class WorkTable(_Drawn, component="work_table.js"):
    """Which roles have work, how urgent it is, and why."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show(())

    def show(self, rows: Sequence[Row]) -> None:
        """Show these roles."""
        self._give(rows=list(rows))


class CyclesTable(_Drawn, component="cycles_table.js"):
    """Cycles, each a link to its details."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show((), "")

    def show(self, rows: Sequence[Row], base: str) -> None:
        """Show these cycles; their links add the cycle to the address `base`."""
        self._give(rows=list(rows), base=base)

    def focus(self, execution_id: str) -> None:
        """Give the keyboard's focus to a cycle's link."""
        self.run_method("focus", execution_id)


class CycleGraph(_Drawn, component="cycle_graph.js"):
    """A cycle's graph by waves."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show((), "")

    def show(self, nodes: Sequence[Row], in_words: str) -> None:
        """Show these nodes; `in_words` is for people who cannot see the picture."""
        self._give(nodes=list(nodes), label=in_words)


class CycleTimeline(_Drawn, component="cycle_timeline.js"):
    """The runs over time."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show((), 0.0, 0.0)

    def show(self, nodes: Sequence[Row], began: float, ended: float | None) -> None:
        """Show the times of these nodes' runs in a cycle (seconds since the epoch, UTC)."""
        self._give(nodes=list(nodes), began=began, ended=ended)


class NodesTable(_Drawn, component="nodes_table.js"):
    """The nodes in words."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show(())

    def show(self, nodes: Sequence[Row]) -> None:
        """Show these nodes."""
        self._give(nodes=list(nodes))
