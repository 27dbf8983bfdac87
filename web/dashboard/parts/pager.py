"""Pages of long lists."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from nicegui.element import Element

from recursor.web.dashboard.parts.boxes import Span
from recursor.web.dashboard.parts.button import Button


class Pager(Element):
    """The shown rows, and links to the others."""

    def __init__(self, what: str, rows: int, on_turn: Callable[[int], Awaitable[None] | None]) -> None:
        """Create it.

        Args:
            what: the listed things, in the plural.
            rows: rows per page.
            on_turn: called with the page, from 0, after a person turned to it.
        """
        super().__init__("nav")
        self.classes("pager")
        self._props["aria-label"] = f"Pages of {what}"
        self._what, self._rows, self._on_turn = what, rows, on_turn
        self._page = self._last = 0
        with self:
            self._said = Span()
            with Element("div").classes("buttons"):
                self._back = Button("Previous", self._turn_back, icon="left", kind="plain")
                self._on = Button("Next", self._turn_on, icon="right", kind="plain")

    def show(self, page: int, total: int, *, more: bool = False) -> None:
        """Show the position.

        Args:
            page: from 0.
            total: the number of rows, as far as known.
            more: whether there are more than `total`.
        """
        first = page * self._rows
        self._page, self._last = page, max(0, (total - 1) // self._rows)
        known = f"{total:,}" + (" or more" if more else "")
        upto = min(first + self._rows, total)
        self._said.text = (
            f"{first + 1:,} to {upto:,} of {known} {self._what}" if total else f"No {self._what}"
        )
        self._back.allow(page > 0)
        self._on.allow(page < self._last or more)

    async def _turn_back(self) -> None:
        await self._turn(self._page - 1)

    async def _turn_on(self) -> None:
        await self._turn(self._page + 1)

    async def _turn(self, page: int) -> None:
        done = self._on_turn(page)
        if isawaitable(done):
            await done
