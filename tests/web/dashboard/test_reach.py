"""Who can use the pages: by keyboard alone, on a phone, in light and in dark, with a screen reader."""

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import serious_violations, wait_until_live
from tests.web.dashboard.conftest import PHONE

PAGES = (
    "/",
    "/teams/{team}?cycle={cycle}",
    *(
        pytest.param(path, marks=pytest.mark.slow)
        for path in ("/doctor", "/teams/{team}", "/teams/0000000000000000")
    ),
)


def _open(visit, done, path: str, **more) -> Page:
    runner, team = done
    page = visit(runner, **more).open(f"/teams/{team}")
    cycle = page.locator("[data-cycle]").last.get_attribute("data-cycle")
    page.goto(runner.url + path.format(team=team, cycle=cycle))
    expect(page.locator("h1")).to_be_visible()
    wait_until_live(page)
    if "cycle" in path:
        expect(page.locator(".graph-node").first).to_be_visible()
    if path == "/doctor":
        expect(page.get_by_role("button", name="Look again")).to_be_visible()
    return page


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_keeps_anybody_out(done, visit, path, theme):
    page = _open(visit, done, path, color_scheme=theme, reduced_motion="reduce")
    assert serious_violations(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_on_a_phone(done, visit, path):
    page = _open(visit, done, path, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_team_is_found_and_a_cycle_opened_by_keyboard_alone(done, visit):
    runner, _ = done
    page = visit(runner).open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_label("Search"))
    page.keyboard.type("habits")
    expect(page.locator("tbody tr")).to_have_count(1)
    _tab_to(page, page.get_by_role("link", name="Habits"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Habits")
    # The focus is put where the new page begins, soon after that is shown.
    expect(page.locator("#main")).to_be_focused()
    _tab_to(page, page.get_by_role("link", name="Cycle 2", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Cycle 2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def _tab_to(page: Page, wanted) -> None:
    for _ in range(60):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by the Tab key")


def test_the_theme_is_chosen_and_remembered(done, visit):
    runner, _ = done
    page = visit(runner, color_scheme="light").open()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_nothing_is_loaded_from_elsewhere(done, visit):
    runner, team = done
    visitor = visit(runner)
    page = visitor.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{runner.url}/teams/{team}")
    page.get_by_role("img", name="Runs of agents").scroll_into_view_if_needed()
    expect(page.locator("canvas").first).to_be_visible()
    outside = [
        url for url in asked if not url.startswith((runner.url, runner.url.replace("http", "ws"), "data:"))
    ]
    assert asked
    assert outside == []


@pytest.mark.parametrize(
    "tab",
    [
        "/settings",
        pytest.param("", marks=pytest.mark.slow),
        pytest.param("/messages", marks=pytest.mark.slow),
    ],
)
def test_on_a_phone_the_tab_that_is_open_is_in_view(done, visit, tab):
    runner, team = done
    page = visit(runner, viewport=PHONE).open(f"/teams/{team}{tab}")
    strip = page.get_by_role("navigation", name="Parts of this team")
    expect(strip.locator("[aria-current]")).to_be_in_viewport(ratio=0.9)
    strip.get_by_role("link", name="Artifacts").click()
    expect(strip.get_by_role("link", name="Artifacts")).to_have_attribute("aria-current", "page")
    expect(strip.get_by_role("link", name="Artifacts")).to_be_in_viewport(ratio=0.9)


def test_the_doctor_says_that_there_is_no_such_team_and_nothing_else(done, visit):
    page = visit(done[0]).open("/doctor?stack=nope")
    expect(page.get_by_role("status").filter(has_text="No team has the name or id nope")).to_be_visible()
    expect(page.get_by_text("Checked", exact=True)).to_be_hidden()
    expect(page.get_by_role("region", name="Checks")).to_be_hidden()
    page.get_by_role("link", name="Go to all teams").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Teams")
