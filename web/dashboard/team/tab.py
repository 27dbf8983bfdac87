"""What a tab of a team's page is.

A tab is a class in a module of its own under `tabs/`, listed in `tabs/__init__.py`. One is made each time a
person opens the tab, and thrown away when they open another.

Example:
    class TodosTab(Tab):
        slug, title, icon = "todos", "Todos", "list"

        def build(self) -> None:
            with Section("Todos"):
                self._count = Span()
            self.refresh()

        def refresh(self) -> None:
            with self.team.read() as reader:
                todos = TODOS.newest(reader, self.team.id, 50)
            self._count.text = f"{len(todos)} todos"
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.web.dashboard.address import Address
from recursor.web.dashboard.page import PageContext
from recursor.web.engine import Engine


@dataclass(frozen=True, slots=True, eq=False)
class Team:
    """The team that a page shows, and what a tab has at hand."""

    id: str
    page: PageContext

    @property
    def engine(self) -> Engine:
        """The store to read, and the orchestrator to ask."""
        return self.page.engine

    @property
    def address(self) -> Address:
        """The page's address. What a person opened or chose stands in its query."""
        return self.page.address

    @property
    def path(self) -> str:
        """The path of the team's page."""
        return f"/teams/{self.id}"

    def read(self) -> AbstractContextManager[Reader]:
        """Take a snapshot of the store for a `with` block; keep it short, it is read on the event loop."""
        return self.engine.read()

    async def ask(self, message: object, done: str = "") -> Any | None:
        """Ask the orchestrator and tell the person what came of it. See `PageContext.ask`."""
        return await self.page.ask(message, done)

    def name(self) -> str:
        """Return the team's name.

        Raises:
            NotFoundError: it was deleted.
        """
        with self.read() as reader:
            return read_stack(reader, self.id).name


class Tab(ABC):
    """One tab of a team's page."""

    slug: ClassVar[str]
    """Its part of the address; "" for the first one."""
    title: ClassVar[str]
    icon: ClassVar[str]
    """A name of `parts/glyph.js`."""

    def __init__(self, team: Team) -> None:
        """Make it, for one showing."""
        self.team = team

    @abstractmethod
    def build(self) -> None:
        """Build it where it stands, showing what is true now, with few elements: the rest can come later.

        A team that is not there any more raises `NotFoundError`: the page says so.
        """

    @abstractmethod
    def refresh(self) -> Awaitable[None] | None:
        """Show what is true now. Called after something happened to the team, at most some times a second.

        It changes texts and properties in place, and only what differs (NiceGUI sends nothing for a text or a
        property that stays as it is): focus, scrolling and selection stay where they are.
        """

    def address_changed(self) -> None:  # noqa: B027  # a tab without a query has nothing to do
        """Show what the query says now: a person went back, or followed a link within the tab."""
