"""What holds for every tab: it can be used by everybody, on every screen, and shows text as text."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import PATIENCE, serious_violations, wait_until_live
from tests.processes import wait_for
from tests.web.teams import Teams

TABS = (
    "todos",
    "project",
    "messages",
    "messages?with=teams",
    "artifacts",
    "artifacts?view=source",
    "artifacts?view=changes",
    "approvals",
    "traces",
    "settings",
)

# What people write: tags, a word without end, another direction, pictures, templates.
WRITTEN = "<img src=x onerror=document.title='harm'> {{ 127 * 131 }} " + "w" * 300 + " مرحبا 🎉 "


@pytest.fixture(scope="module")
def full(teams: Teams) -> str:
    """A team that has some of everything."""
    team = teams.make("<b>W</b>" + "w" * 180, "A habit tracker with streaks " + WRITTEN, start=True)
    wait_for(lambda: teams.get(f"/api/stacks/{team}")["stack"]["phase"] in ("complete", "partial"))
    teams.post(f"/api/stacks/{team}/pause")
    teams.post(f"/api/stacks/{team}/todos", content=WRITTEN * 4, priority=5)
    teams.post(f"/api/stacks/{team}/user-messages", sender="<i>" + "A" * 180, content=WRITTEN * 50)
    other = teams.make("other")
    teams.post(f"/api/stacks/{other}/messages", to_stack_id=team, content=WRITTEN)
    teams.post(f"/api/stacks/{team}/messages", content=WRITTEN)
    return team


def _open(browser: Browser, theme: Literal["light", "dark"], width: int) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.slow)])
def themed(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from _open(browser, request.param, 1280)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    yield from _open(browser, "light", 390)


def show(page: Page, teams: Teams, team: str, tab: str) -> None:
    page.goto(f"{teams.url}/teams/{team}/{tab}")
    expect(page.locator(".tab-panel")).to_be_visible()
    wait_until_live(page)


def test_axe_finds_nothing_serious(themed: Page, teams: Teams, full: str) -> None:
    empty = teams.make()
    for team in (full, empty):
        for tab in TABS:
            show(themed, teams, team, tab)
            assert (tab, serious_violations(themed, iframes=False)) == (tab, [])


def test_it_fits_a_phone_and_runs_nothing_that_was_written(phone: Page, teams: Teams, full: str) -> None:
    errors: list[str] = []
    phone.on("pageerror", lambda error: errors.append(str(error)))
    for tab in TABS:
        show(phone, teams, full, tab)
        too_wide = phone.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (tab, too_wide) == (tab, 0)
        assert "harm" not in phone.title()
        assert phone.locator("img[onerror]").count() == 0
        assert "16637" not in phone.locator(".tab-panel").inner_text()
    assert errors == []
