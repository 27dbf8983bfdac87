"""Goes through long lists, a page at a time."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from nicegui.element import Element

from recursor.web.dashboard.parts.boxes import Span
from recursor.web.dashboard.parts.button import Button


class Pager(Element):
    """Which rows are shown, and the way to the others."""

    def __init__(self, what: str, rows: int, on_turn: Callable[[int], Awaitable[None] | None]) -> None:
        """Make it.

        Args:
            what: of what, in the plural.
            rows: how many on a page.
            on_turn: told the page, from 0, when a person turned to it.
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
        """Show where one is.

        Args:
            page: from 0.
            total: how many there are in all, as far as that is known.
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
