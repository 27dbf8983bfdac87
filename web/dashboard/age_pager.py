"""Pages of a list that is sorted newest first."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from recursor.web.dashboard.address import Address
from recursor.web.dashboard.parts import Box, Button, Span


class AgePager:
    """Links to older pages and back. The address holds the start of the shown page, as `before`."""

    def __init__(self, what: str, address: Address, on_turn: Callable[[], Awaitable[None] | None]) -> None:
        """Build it.

        Args:
            what: the listed things, in the plural.
            address: the page's address.
            on_turn: shows the page in the address after a person turned it.
        """
        self._address, self._on_turn = address, on_turn
        # The starts of earlier pages, for the way back.
        self._newer_pages: list[str] = []
        self._next: str | None = None
        with Box("nav", "pager", aria_label=f"Pages of {what}") as self._box:
            self._said = Span()
            with Box(classes="buttons"):
                self._newer = Button("Newer", self._turn_back, icon="left", kind="plain")
                self._older = Button("Older", self._turn_on, icon="right", kind="plain")

    def show(self, said: str, following: str | None) -> None:
        """Show the position.

        Args:
            said: the shown range.
            following: the start of the next page; None if there is none.
        """
        first = not self._address.get("before")
        self._next = following
        self._said.text = said
        self._newer.allow(not first)
        self._older.allow(following is not None)
        self._box.set_visibility(not first or following is not None)

    def filter(self, **changes: str | None) -> None:
        """Put a person's filters into the address, and start from the newest again.

        Args:
            changes: as for `Address.with_query`.
        """
        self._newer_pages.clear()
        self._address.set(remember=False, before=None, **changes)

    async def _turn_on(self) -> None:
        # One page at a time: the start of the page after the next is not known yet.
        self._older.allow(False)
        self._newer_pages.append(self._address.get("before"))
        await self._turn(self._next)

    async def _turn_back(self) -> None:
        await self._turn(self._newer_pages.pop() if self._newer_pages else None)

    async def _turn(self, before: str | None) -> None:
        self._address.set(before=before)
        done = self._on_turn()
        if isawaitable(done):
            await done
