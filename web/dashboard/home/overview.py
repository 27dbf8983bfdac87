"""The first page: all teams, with links."""

from itertools import islice
from typing import NamedTuple

from recursor.domain.stack import ExecutionState
from recursor.storage.approval_listing import OpenApproval
from recursor.storage.stack_listing import StackOrder, StackPage
from recursor.storage.tables import STACKS
from recursor.web.dashboard.background_reader import BackgroundReader
from recursor.web.dashboard.home.all_teams import AllTeams
from recursor.web.dashboard.home.new_team import NewTeam
from recursor.web.dashboard.home.requests import Requests
from recursor.web.dashboard.home.rows import ROWS, TeamQuery, find_teams, row_of
from recursor.web.dashboard.home.teams_table import TeamsTable
from recursor.web.dashboard.home.totals import TotalsData, TotalsPanel
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box, Button, Empty, Field, Pager, Segments, Span
from recursor.web.dashboard.state_styles import STATES
from recursor.web.running import with_running

_ORDERS = {
    StackOrder.CREATED: "Newest first",
    StackOrder.ACTIVITY: "Last activity",
    StackOrder.NAME: "By name",
    StackOrder.CYCLES: "Most cycles",
}

# This many teams are listed within milliseconds, before the page is first shown; more of them soon after.
_FEW = 2_000


def home_page(page: PageContext) -> None:
    """Build the first page."""
    TeamsPage(page)


class _Found(NamedTuple):
    teams: StackPage
    totals: TotalsData
    requests: list[OpenApproval]


class TeamsPage:
    """All teams, searched and filtered, a page at a time."""

    def __init__(self, page: PageContext) -> None:
        """Build it."""
        self._page = page
        # The starts of earlier pages, for the way back, and the start of the next one.
        self._before: list[str | None] = []
        self._next: str | None = None
        self._turning = False
        self._shown_none = ""
        page.set_title("Teams")
        wanted = self._wanted()
        self._new = NewTeam(page)
        with Box(classes="page-head"):
            Span("Teams", tag="h1")
            with Box(classes="buttons"):
                self._all = AllTeams(page)
                Button("New team", self._new.open, icon="plus", kind="primary")
        self._requests = Requests(page, self.refresh)
        self._totals = TotalsPanel(page, self.refresh)
        with Box("section", "card card--flush", aria_label="All teams") as self._card:
            with Box(classes="toolbar"):
                self._search = Field(
                    "Search by name, idea or id", "search", value=wanted.search,
                    placeholder="Search by name, idea or id",
                    bare=True, wait=0.2, on_change=self._search_for,
                )  # fmt: skip
                states = {"": "All", **{state.value: STATES[state].word for state in STATES}}
                self._states = Segments("State", states, wanted.state or "", self._filter)
                orders = {order.value: name for order, name in _ORDERS.items()}
                self._order = Field(
                    "Order", "select", value=wanted.order, options=orders, bare=True, on_change=self._sort
                )
            self._table = TeamsTable()
            self._none = Box()
            self._pager = Pager("teams", ROWS, self._turn)
        self._reader = BackgroundReader(self._card, self._find, self._show, self._with_running)
        if self._are_few():
            self._reader.show_now()
        self._reader.begin()
        page.address.follow(self._card, self._address_changed)
        page.live.follow(self._card, self.refresh)

    async def refresh(self) -> None:
        """Show the current state."""
        await self._reader.refresh()

    def _are_few(self) -> bool:
        with self._page.engine.read() as reader:
            return sum(1 for _ in islice(reader.scan(STACKS.name), _FEW + 1)) <= _FEW

    def _find(self) -> _Found:
        engine = self._page.engine
        with engine.read() as reader:
            return _Found(
                find_teams(reader, self._wanted(), engine.now()),
                self._totals.read(reader),
                self._requests.read(reader),
            )

    async def _with_running(self, found: _Found) -> _Found:
        items = await with_running(self._page.engine, found.teams.items)
        return found._replace(teams=found.teams.but(items=items))

    def _wanted(self) -> TeamQuery:
        query = self._page.address.query
        state, order = query.get("state"), query.get("order")
        return TeamQuery(
            search=query.get("search", ""),
            state=ExecutionState(state) if state in list(ExecutionState) else None,
            order=StackOrder(order) if order in list(StackOrder) else StackOrder.CREATED,
            after=query.get("after"),
        )

    def _show(self, read: _Found) -> None:
        found, done, requests = read
        self._requests.show(requests)
        self._next = found.next
        self._totals.show(done, found)
        self._table.show([row_of(team) for team in found.items])
        self._table.set_visibility(bool(found.items))
        self._states.count({"": found.total, **{str(state): count for state, count in found.states.items()}})
        self._all.show(found.states)
        self._pager.show(self._page_number(), found.matching)
        self._pager.set_visibility(bool(found.items))
        self._say_none("" if found.items else "nothing found" if found.total else "no teams")

    def _page_number(self) -> int:
        number = self._page.address.get("page", "1")
        return max(0, int(number) - 1) if number.isascii() and number.isdigit() and len(number) < 10 else 0

    def _say_none(self, what: str) -> None:
        if what == self._shown_none:
            return
        self._shown_none = what
        self._none.clear()
        with self._none:
            if what == "no teams":
                with Empty(
                    "team",
                    "No teams yet",
                    "A team builds a project from an idea. Create one here, or in a terminal:",
                    'recursor create "Habits" --idea "A habit tracker" --start',
                ):
                    Button("New team", self._new.open, icon="plus", kind="primary")
            elif what:
                with Empty("search", "No matching teams", "Change the search, or show all states."):
                    Button("Show all teams", self._show_all)

    async def _search_for(self, text: str) -> None:
        await self._from_the_first_page("search", text.strip())

    async def _filter(self, state: str) -> None:
        await self._from_the_first_page("state", state)

    async def _sort(self, order: str) -> None:
        await self._from_the_first_page("order", "" if order == StackOrder.CREATED else order)

    async def _from_the_first_page(self, name: str, value: str) -> None:
        self._before.clear()
        self._page.address.set(remember=False, after=None, page=None, **{name: value})
        await self.refresh()

    async def _turn(self, page: int) -> None:
        if self._turning:
            # One page at a time: the start of the page after the next is not known yet.
            return
        self._turning = True
        address = self._page.address
        if page > self._page_number():
            self._before.append(address.get("after") or None)
            after = self._next
        else:
            after = self._before.pop() if self._before else None
        address.set(after=after, page=str(page + 1) if after else None)
        try:
            await self.refresh()
        finally:
            self._turning = False

    def _show_all(self) -> None:
        self._page.address.set(search=None, state=None, after=None, page=None)
        self._address_changed()

    def _address_changed(self) -> None:
        wanted = self._wanted()
        self._search.value = wanted.search
        self._states.choose(wanted.state or "")
        self._order.value = wanted.order
        self._totals.follow_address()
        self._reader.begin()
