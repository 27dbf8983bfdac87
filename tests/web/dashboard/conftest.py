"""Pages of a real runner in a real browser; at the end of a test none of them may have complained."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsing import PATIENCE, wait_until_live
from tests.processes import Started
from tests.web.teams import Teams

PHONE = {"width": 390, "height": 844}


class Visitor:
    """A person at a browser, and what the browser complained of."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._context = context
        context.set_default_timeout(PATIENCE)

    def open(self, path: str = "/") -> Page:
        page = self._context.new_page()
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        expect(page.locator("h1")).to_be_visible()
        wait_until_live(page)
        return page


@pytest.fixture
def visit(browser: Browser):
    """Opens a browser on a runner's pages. Keyword arguments go to the browser's context."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def visit_(runner: Started | Teams, **more) -> Visitor:
        contexts.append(browser.new_context(locale="en-GB", **more))
        visitors.append(Visitor(contexts[-1], runner.url))
        return visitors[-1]

    yield visit_
    for context in contexts:
        context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def teams(shared_runner: Teams) -> Iterator[Teams]:
    """A runner without teams at first."""
    yield shared_runner
    shared_runner.clear()


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Teams, str]]:
    """A runner with a team that has finished its work: look, and change nothing."""
    with Teams.of_a_runner(tmp_path_factory.mktemp("done") / "data") as teams:
        team = teams.make("Habits", "A habit tracker with streaks", start=True)
        teams.wait_until_done(team)
        teams.make("Later", "A habit tracker with streaks")
        yield teams, team
