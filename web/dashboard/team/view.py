"""The frame of a team's page."""

from collections.abc import Callable
from functools import partial
from inspect import isawaitable

from nicegui import ui
from nicegui.element import Element

from recursor.domain.errors import NotFoundError
from recursor.storage.errors import CorruptRecordError
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Anchor, Box, Empty, Glyph, Span
from recursor.web.dashboard.parts.anchor import mark_current
from recursor.web.dashboard.tabs import TABS
from recursor.web.dashboard.team.head import TeamHead
from recursor.web.dashboard.team.tab import Tab, Team


def team_page(page: PageContext, team_id: str) -> None:
    """Build the page of a team."""
    team = Team(team_id, page)
    whole = Box()

    def say_why_not(error: Exception) -> None:
        whole.clear()
        with whole:
            _no_team(error)

    with whole:
        try:
            head = TeamHead(team)
        except (NotFoundError, CorruptRecordError) as error:
            page.set_title("No such team")
            say_why_not(error)
            return
        page.live.follow(whole, partial(_careful, head.refresh, say_why_not), team.id)
        _Tabs(team, say_why_not)


class _Strip(Element, component="tab_strip.js"):
    """Links side by side; the open one is always visible."""

    def __init__(self, label: str) -> None:
        """Create it; create the links inside `with`."""
        super().__init__()
        self._props["aria-label"] = label


class _Tabs(ui.sub_pages):
    """The links to the tabs, with the open one."""

    def __init__(self, team: Team, on_gone: Callable[[Exception], None]) -> None:
        self._team = team
        self._on_gone = on_gone
        self._links: dict[str, Box] = {}
        tabs = [tab for tab in TABS if team.kind() in tab.kinds]
        with _Strip("Parts of this team"):
            for tab in tabs:
                with Box("a", "tab", href=_path(team, tab)) as link:
                    Glyph(tab.icon)
                    Span(tab.title)
                self._links[tab.slug] = link
        super().__init__({f"/{tab.slug}": partial(self._open, tab) for tab in tabs})

    def _open(self, kind: type[Tab]) -> None:
        for slug, link in self._links.items():
            mark_current(link, slug == kind.slug)
        tab = kind(self._team)
        with Box(classes="tab-panel") as panel:
            try:
                tab.build()
            except (NotFoundError, CorruptRecordError) as error:
                self._on_gone(error)
                return
        self._team.address.follow(panel, tab.address_changed)
        self._team.page.live.follow(panel, partial(_careful, tab.refresh, self._on_gone), self._team.id)

    def _handle_scrolling(self, match: object, *, behavior: str) -> None:
        # The new tab replaces the previous one.
        pass

    def _render_404(self) -> None:
        with Empty("search", "Unknown tab", "Choose a tab above."):
            Anchor("Show the team", self._team.path)


def _path(team: Team, tab: type[Tab]) -> str:
    return f"{team.path}/{tab.slug}" if tab.slug else team.path


async def _careful(refresh: Callable[[], object], on_gone: Callable[[Exception], None]) -> None:
    """Refresh, and report it if the team was deleted."""
    try:
        done = refresh()
        if isawaitable(done):
            await done
    except (NotFoundError, CorruptRecordError) as error:
        on_gone(error)


def _no_team(error: Exception) -> None:
    with Box("section", "card", aria_label="No such team"):
        title = "Team not found" if isinstance(error, NotFoundError) else "Team unreadable"
        with Empty("search", title, str(error), whole_page=True):
            Anchor("Go to all teams", "/", "button")
