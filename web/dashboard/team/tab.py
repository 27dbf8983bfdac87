"""The base of a tab on a team's page.

A tab is a class in its own module under `tabs/`, listed in `tabs/__init__.py`. An instance is created each
time a person opens the tab, and dropped when they open another.

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

from recursor.domain.stack import StackKind
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.web.dashboard.address import Address
from recursor.web.dashboard.page import PageContext
from recursor.web.engine import Engine


@dataclass(frozen=True, slots=True, eq=False)
class Team:
    """The shown team, with everything a tab needs."""

    id: str
    page: PageContext

    @property
    def engine(self) -> Engine:
        """The store to read, and the orchestrator to ask."""
        return self.page.engine

    @property
    def address(self) -> Address:
        """The page's address. Its query holds a person's choices."""
        return self.page.address

    @property
    def path(self) -> str:
        """The path of the team's page."""
        return f"/teams/{self.id}"

    def read(self) -> AbstractContextManager[Reader]:
        """Open a snapshot of the store during a `with` block; keep it short, it is read on the event loop."""
        return self.engine.read()

    async def ask(self, message: object, done: str = "") -> Any | None:
        """Ask the orchestrator and show the result. See `PageContext.ask`."""
        return await self.page.ask(message, done)

    def name(self) -> str:
        """Return the team's name.

        Raises:
            NotFoundError: the team was deleted.
        """
        with self.read() as reader:
            return read_stack(reader, self.id).name

    def kind(self) -> StackKind:
        """Return what the team works on.

        Raises:
            NotFoundError: the team was deleted.
        """
        with self.read() as reader:
            return read_stack(reader, self.id).kind


class Tab(ABC):
    """One tab of a team's page."""

    slug: ClassVar[str]
    """Its part of the address; "" for the first tab."""
    title: ClassVar[str]
    icon: ClassVar[str]
    """A name of `parts/glyph.js`."""
    kinds: ClassVar[tuple[StackKind, ...]] = tuple(StackKind)
    """The kinds of teams that have it."""

    def __init__(self, team: Team) -> None:
        """Create it, for one showing."""
        self.team = team

    @abstractmethod
    def build(self) -> None:
        """Build it in place with the current state and few elements: the rest can follow later.

        For a deleted team, raise `NotFoundError`: the page reports it.
        """

    @abstractmethod
    def refresh(self) -> Awaitable[None] | None:
        """Show the current state. Called after events of the team, at most some times a second.

        It changes texts and properties in place, and only if they differ (NiceGUI sends nothing for an
        unchanged text or property), so that focus, scrolling and selection stay.
        """

    def address_changed(self) -> None:  # noqa: B027  # a tab without a query has nothing to do
        """Show the query's state: a person went back, or followed a link within the tab."""
