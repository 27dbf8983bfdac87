"""What the browser draws of cycles and of work: data in, pictures out."""

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element

Row = dict[str, Any]


class _Drawn(Element):
    """Draws what it is given, and sends nothing when that is what it shows."""

    def _give(self, **props: object) -> None:
        if any(self._props.get(name) != value for name, value in props.items()):
            self._props.update(props)


class WorkTable(_Drawn, component="work_table.js"):
    """Who has work, how urgent it is, and why."""

    def __init__(self) -> None:
        """Make it, empty."""
        super().__init__()
        self.show(())

    def show(self, rows: Sequence[Row]) -> None:
        """Show these roles."""
        self._give(rows=list(rows))


class CyclesTable(_Drawn, component="cycles_table.js"):
    """Cycles, each a link to its detail."""

    def __init__(self) -> None:
        """Make it, empty."""
        super().__init__()
        self.show((), "")

    def show(self, rows: Sequence[Row], base: str) -> None:
        """Show these cycles; `base` is the address to which their links add which cycle."""
        self._give(rows=list(rows), base=base)

    def focus(self, execution_id: str) -> None:
        """Give the keyboard's focus to a cycle's link."""
        self.run_method("focus", execution_id)


class CycleGraph(_Drawn, component="cycle_graph.js"):
    """A cycle's graph by waves."""

    def __init__(self) -> None:
        """Make it, empty."""
        super().__init__()
        self.show((), "")

    def show(self, nodes: Sequence[Row], in_words: str) -> None:
        """Show these nodes; `in_words` is for those who do not see it."""
        self._give(nodes=list(nodes), label=in_words)


class CycleTimeline(_Drawn, component="cycle_timeline.js"):
    """Who ran when."""

    def __init__(self) -> None:
        """Make it, empty."""
        super().__init__()
        self.show((), 0.0, 0.0)

    def show(self, nodes: Sequence[Row], began: float, ended: float | None) -> None:
        """Show when these nodes ran in a cycle (seconds since the epoch, UTC)."""
        self._give(nodes=list(nodes), began=began, ended=ended)


class NodesTable(_Drawn, component="nodes_table.js"):
    """The nodes in words."""

    def __init__(self) -> None:
        """Make it, empty."""
        super().__init__()
        self.show(())

    def show(self, nodes: Sequence[Row]) -> None:
        """Show these nodes."""
        self._give(nodes=list(nodes))
