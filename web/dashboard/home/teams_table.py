"""The table of teams."""

from collections.abc import Sequence

from nicegui.element import Element

from recursor.web.dashboard.home.rows import Row


class TeamsTable(Element, component="teams_table.js"):
    """One page of teams."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self._props["rows"] = []

    def show(self, rows: Sequence[Row]) -> None:
        """Show these teams; nothing is sent if they are unchanged."""
        if self._props["rows"] != rows:
            self._props["rows"] = list(rows)
