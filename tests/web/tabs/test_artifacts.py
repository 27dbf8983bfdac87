"""The tab of the artifacts, in a browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.processes import wait_for
from tests.web.teams import Teams

# The API tests hold what is asked and told; `test_every_tab` opens each tab in every run.
pytestmark = pytest.mark.slow

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def made(teams: Teams) -> str:
    """A team that has made some versions."""
    team = teams.make(idea="A habit tracker with streaks and a weekly chart", start=True)
    wait_for(lambda: teams.get(f"/api/stacks/{team}")["stack"]["phase"] == "complete")
    return team


def test_nothing_made_yet(teams: Teams, open_tab: Open) -> None:
    page = open_tab(teams.make(), "artifacts")

    expect(page.get_by_role("heading", name="No versions yet")).to_be_visible()


def test_a_version_is_looked_at_as_the_page_it_is(made: str, open_tab: Open) -> None:
    page = open_tab(made, "artifacts")

    inner = page.frame_locator("iframe.stage-frame")
    expect(inner.get_by_role("heading", level=1)).to_be_visible()
    frame = page.locator("iframe.stage-frame").element_handle().content_frame()
    assert frame is not None
    # As its author meant it, whatever was put into it.
    assert frame.evaluate("document.compatMode") == "CSS1Compat"
    newest = page.locator(".version[aria-current]")
    expect(newest).to_contain_text("newest")
    page.get_by_role("button", name="Phone").click()
    expect(page.locator(".stage[data-width=phone]")).to_be_visible()
    page.get_by_role("link", name="Version 1 ").click()
    expect(page.locator("iframe.stage-frame")).to_have_attribute(
        "src", f"/api/stacks/{made}/artifacts/1/page"
    )
    expect(page).to_have_url(re.compile("version=1"))
    page.go_back()
    expect(newest).to_contain_text("newest")


def test_nothing_of_a_version_is_sent_before_it_is_looked_at(made: str, open_tab: Open) -> None:
    page = open_tab(made, "artifacts?view=changes")
    expect(page.locator(".difference tr[data-sign='+']").first).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    assert "<title>Habit tracker" not in page.content()

    page.get_by_role("button", name="Source").click()

    expect(page.locator(".source li").first).to_have_text("<!doctype html>")


def test_two_versions_are_compared(made: str, open_tab: Open) -> None:
    page = open_tab(made, "artifacts?version=2&view=changes")
    expect(page.get_by_role("region", name="Changes from version 1 to version 2")).to_be_visible()

    page.get_by_label("Compare with").select_option("3")

    expect(page.get_by_role("region", name="Changes from version 3 to version 2")).to_be_visible()
    expect(page).to_have_url(re.compile("against=3"))


def test_a_version_is_downloaded_as_it_was_made(
    teams: Teams, made: str, open_tab: Open, tmp_path: Path
) -> None:
    page = open_tab(made, "artifacts?version=1")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()

    assert download.value.suggested_filename == f"{made}-1.html"
    download.value.save_as(tmp_path / "page.html")
    content = teams.get(f"/api/stacks/{made}/artifacts/1")["content"]
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == content


def test_there_is_no_such_version(made: str, open_tab: Open) -> None:
    page = open_tab(made, "artifacts?version=77")

    expect(page.get_by_role("heading", name="Version 77 does not exist")).to_be_visible()


def test_what_is_looked_at_stays_when_a_newer_version_comes(teams: Teams, open_tab: Open) -> None:
    team = teams.make(idea="A habit tracker with streaks", start=True)
    wait_for(lambda: teams.get(f"/api/stacks/{team}")["stack"]["phase"] == "complete")
    page = open_tab(team, "artifacts")
    frame = page.locator("iframe.stage-frame")
    looked_at = frame.get_attribute("src")

    teams.post(f"/api/stacks/{team}/user-messages", sender="Ada", content="please add a calendar")

    expect(page.get_by_text(re.compile(r"Version \d is available"))).to_be_visible()
    expect(frame).to_have_attribute("src", str(looked_at))
    page.get_by_role("button", name="Show it").click()
    expect(frame).not_to_have_attribute("src", str(looked_at))
