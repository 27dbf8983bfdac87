"""The tab of the traces, in a browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.teams import Teams

# The API tests hold what is asked and told; `test_every_tab` opens each tab in every run.
pytestmark = pytest.mark.slow

Open = Callable[..., Page]


def test_traces_appear_and_are_found_by_role_and_words(teams: Teams, open_tab: Open) -> None:
    team = teams.make(idea="A habit tracker with streaks")
    page = open_tab(team, "traces")
    expect(page.get_by_role("heading", name="No traces yet")).to_be_visible()

    teams.post(f"/api/stacks/{team}/start")

    reviewed = page.locator(".trace[data-role=reviewer]")
    expect(reviewed.first).to_be_visible()
    page.get_by_label("Role").select_option("planner")
    expect(reviewed).to_have_count(0)
    expect(page.locator(".trace[data-role=planner]").first).to_be_visible()
    page.get_by_label("Search in traces").fill("read the IDEA")
    expect(page.locator(".trace")).to_have_count(1)
    expect(page).to_have_url(re.compile("text=read"))
    thoughts = page.get_by_role("button", name="thought")
    thoughts.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".trace-thoughts li").first).to_be_visible()
    expect(thoughts).to_be_focused()
    page.get_by_role("link", name="Cycle 1").click()
    expect(page).to_have_url(re.compile(f"/teams/{team}\\?cycle="))


def test_none_is_like_that(teams: Teams, open_tab: Open) -> None:
    page = open_tab(teams.make(), "traces?role=builder&text=nothing")

    expect(page.get_by_role("heading", name="No matching traces")).to_be_visible()
    page.get_by_role("button", name="Show all traces").click()
    expect(page.get_by_role("heading", name="No traces yet")).to_be_visible()
    expect(page.get_by_label("Search in traces")).to_have_value("")
