"""The first page: what all teams do, and the way to each."""

from recursor.domain.stack import ExecutionState
from recursor.web.dashboard.home.new_team import NewTeam
from recursor.web.dashboard.home.rows import ROWS, Found, SuccessRates, Wanted, find_teams
from recursor.web.dashboard.home.teams_table import TeamsTable
from recursor.web.dashboard.looks import STATES
from recursor.web.dashboard.page import Page
from recursor.web.dashboard.parts import Box, Button, Empty, Field, Pager, Segments, Span


def home_page(page: Page) -> None:
    """Build the first page."""
    Overview(page)


class Overview:
    """All teams, searched and filtered, a page at a time."""

    def __init__(self, page: Page) -> None:
        """Build it."""
        self._page = page
        self._rates = SuccessRates()
        page.set_title("Teams")
        wanted = self._wanted()
        found = self._find(wanted)
        self._new = NewTeam(page)
        with Box(classes="page-head"):
            Span("Teams", tag="h1")
            with Box(classes="buttons"):
                Button("New team", self._new.open, icon="plus", kind="primary")
        with Box("section", "card card--flush", aria_label="All teams") as self._card:
            with Box(classes="toolbar"):
                self._search = Field(
                    "Search by name or id", "search", value=wanted.search, placeholder="Search by name or id",
                    bare=True, wait=0.2, on_change=self._search_for,
                )  # fmt: skip
                states = {"": "All", **{state.value: STATES[state].word for state in STATES}}
                self._states = Segments("State", states, wanted.state or "", self._filter)
            self._table = TeamsTable()
            self._none = Box()
            self._pager = Pager("teams", ROWS, self._turn)
        self._shown_none = ""
        with self._card:
            self._show(found)
        page.address.follow(self._card, self._address_changed)
        page.live.follow(self._card, self.refresh)

    def refresh(self) -> None:
        """Show what is true now."""
        self._show(self._find(self._wanted()))

    def _wanted(self) -> Wanted:
        query = self._page.address.query
        state, page = query.get("state"), query.get("page", "1")
        return Wanted(
            search=query.get("search", ""),
            state=ExecutionState(state) if state in list(ExecutionState) else None,
            page=int(page) - 1 if page.isascii() and page.isdigit() else 0,
        )

    def _find(self, wanted: Wanted) -> Found:
        engine = self._page.engine
        with engine.read() as reader:
            return find_teams(reader, wanted, self._rates, engine.now())

    def _show(self, found: Found) -> None:
        self._table.show(found.rows)
        self._table.set_visibility(bool(found.rows))
        self._states.count(found.counts)
        self._pager.show(found.page, found.total)
        self._pager.set_visibility(bool(found.rows))
        self._say_none("" if found.rows else "nothing found" if found.ever else "no teams")

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
                    "A team takes an idea and builds it. Make one here, or in a terminal:",
                    'recursor create "Habits" --idea "A habit tracker" --start',
                ):
                    Button("New team", self._new.open, icon="plus", kind="primary")
            elif what:
                with Empty(
                    "search", "No team is like that", "Search for something else, or show all states."
                ):
                    Button("Show all teams", self._show_all)

    def _search_for(self, text: str) -> None:
        self._page.address.set(search=text.strip(), page=None)
        self.refresh()

    def _filter(self, state: str) -> None:
        self._page.address.set(state=state, page=None)
        self.refresh()

    def _turn(self, page: int) -> None:
        self._page.address.set(page=str(page + 1) if page else None, remember=True)
        self.refresh()

    def _show_all(self) -> None:
        self._page.address.set(search=None, state=None, page=None)
        self._address_changed()

    def _address_changed(self) -> None:
        wanted = self._wanted()
        self._search.value = wanted.search
        self._states.choose(wanted.state or "")
        self.refresh()
