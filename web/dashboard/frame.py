"""The frame of every page, and the page for each address."""

import logging

from nicegui import ui
from nicegui.page_arguments import RouteMatch

from recursor.web.dashboard.address import Address
from recursor.web.dashboard.examination.page import doctor_page
from recursor.web.dashboard.home.overview import home_page
from recursor.web.dashboard.live import LivePage, Watcher
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Anchor, Box, ConnectionNotice, Empty, Glyph, Moment, Span, Toasts
from recursor.web.dashboard.parts.anchor import mark_current
from recursor.web.dashboard.parts.toasts import ThemeSwitch
from recursor.web.dashboard.team.view import team_page
from recursor.web.engine import Engine

logger = logging.getLogger("recursor.web")

_NAVIGATION = (("/", "Teams"), ("/doctor", "Doctor"))


def build_shell(engine: Engine, watcher: Watcher, head: str, sign_out: str | None = None) -> None:
    """Build an open page: the frame and the page at its address.

    Args:
        engine: the engine to show.
        watcher: sends it events.
        head: for the head of the HTML.
        sign_out: the address for signing out; None without a login.
    """
    client = ui.context.client
    ui.add_head_html(head)
    ui.add_head_html(f"<script>recursor.clockAhead = {engine.now() * 1000:.0f} - Date.now()</script>")
    live = LivePage(watcher, client)
    with client.layout:
        # Before the page's container, which is the HTML's <main>.
        header = Header(sign_out)
        header.move(client.layout, target_index=0)
        Span("Skip to the content", "skip-link", tag="a", href="#main").move(client.layout, target_index=0)
    with Box(classes="frame-main", id="main", tabindex="-1"):
        pages = Pages(PageContext(engine, client, Address(client), live, Toasts()), header)
    pages.open()


class Header(ui.element):
    """The name, the links to the pages, the theme, the sign-out."""

    def __init__(self, sign_out: str | None) -> None:
        """Build it. For the arguments see `build_shell`."""
        super().__init__("header")
        self.classes("frame-header")
        self._links: list[tuple[str, Anchor]] = []
        with self, Box(classes="frame-header-in"):
            with Box("a", "brand", href="/"):
                Glyph("graph")
                Span("Recursor")
            with Box("nav", "frame-nav", aria_label="Pages"):
                for path, name in _NAVIGATION:
                    self._links.append((path, Anchor(name, path)))
            ThemeSwitch()
            if sign_out is not None:
                # The browser's own control, which works even if nothing else on the page does.
                with Box("form", method="post", action=sign_out):
                    said = {"aria_label": "Sign out", "title": "Sign out"}
                    leaving = Box("button", "button button--plain", type="submit", **said)
                with leaving:
                    Glyph("leave")
            ConnectionNotice()
            # Tables also show times: this loads their component from the start.
            Moment(None, otherwise="").classes("for-screen-readers")

    def mark_place(self, path: str) -> None:
        """Mark the link to the current page."""
        for target, link in self._links:
            mark_current(link, path == target or (target == "/" and path.startswith("/teams")))


class Pages(ui.sub_pages):
    """Opens the page in the address; moving between pages reloads nothing."""

    def __init__(self, page: PageContext, header: Header) -> None:
        """Create it, empty."""
        self._page = page
        self._header = header
        self._shown: str | None = None
        super().__init__({})

    def open(self) -> None:
        """Open the page in the address."""
        self._routes = {
            "/": lambda: home_page(self._page),
            "/teams/{team_id}": self._team,
            "/doctor": lambda: doctor_page(self._page),
        }
        self._show()

    def _team(self, team_id: str) -> None:
        team_page(self._page, team_id)

    def _handle_scrolling(self, match: RouteMatch, *, behavior: str) -> None:
        # The library scrolls up whenever anything in the address changes; only a new page should start at the
        # top.
        self._header.mark_place(match.path)
        if self._shown not in (None, match.path):
            super()._handle_scrolling(match, behavior=behavior)
            self.client.run_javascript("document.getElementById('main').focus({preventScroll: true})")
        self._shown = match.path

    def _render_404(self) -> None:
        if not self._routes:
            return
        self._page.set_title("Not found")
        with Empty(
            "search",
            "Page not found",
            "Check the address.",
            whole_page=True,
        ):
            Anchor("Go to the teams", "/")

    def _render_error(self, error: Exception) -> None:
        logger.error("dashboard: %s could not be shown", self._page.address.path, exc_info=error)
        self._page.set_title("Error")
        with Empty("alert", "This page could not be shown", "See the runner's log.", whole_page=True):
            Anchor("Go to the teams", "/")
