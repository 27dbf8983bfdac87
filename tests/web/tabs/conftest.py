"""A real runner with its dashboard, and a real browser to look at it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsing import PATIENCE, wait_until_live
from tests.web.teams import Teams


@pytest.fixture(scope="module")
def teams(shared_runner: Teams) -> Iterator[Teams]:
    """A runner without teams at first."""
    yield shared_runner
    shared_runner.clear()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def open_tab(context: BrowserContext, teams: Teams) -> Iterator[Callable[..., Page]]:
    """Opens a team's tab; at the end nothing may have gone wrong in the browser's console."""
    said: list[str] = []

    def open_page(team: str, tab: str) -> Page:
        page = context.new_page()
        page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{teams.url}/teams/{team}/{tab}")
        expect(page.locator(".tab-panel")).to_be_visible()
        wait_until_live(page)
        return page

    yield open_page
    assert said == []
