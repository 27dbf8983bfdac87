"""The tab of the project, in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.teams import Teams

# The API tests hold what is asked and told; `test_every_tab` opens each tab in every run.
pytestmark = pytest.mark.slow

Open = Callable[..., Page]


def test_the_idea_is_rewritten_in_its_place(teams: Teams, open_tab: Open) -> None:
    team = teams.make(idea="a <i>list</i>")
    page = open_tab(team, "project")
    expect(page.locator(".idea-text")).to_have_text("a <i>list</i>")

    page.get_by_role("button", name="Edit the idea").click()
    field = page.get_by_role("textbox", name="Idea")
    expect(field).to_have_value("a <i>list</i>")
    expect(page.get_by_text("as soon as the team is started")).to_be_visible()
    field.fill("a better list")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".idea-text")).to_have_text("a better list")
    assert teams.get(f"/api/stacks/{team}/idea")["idea"] == "a better list"


def test_an_empty_idea_is_refused_at_its_field(teams: Teams, open_tab: Open) -> None:
    page = open_tab(teams.make(), "project")
    page.get_by_role("button", name="Edit the idea").click()
    page.get_by_role("textbox", name="Idea").fill("  ")

    page.get_by_role("button", name="Save the idea").click()

    expect(page.get_by_role("alert").filter(has_text="Must not be empty.")).to_be_visible()


def test_who_types_is_told_that_somebody_else_was_quicker(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "project")
    page.get_by_role("button", name="Edit the idea").click()
    page.get_by_role("textbox", name="Idea").fill("mine")

    teams.put(f"/api/stacks/{team}/idea", idea="theirs")

    expect(page.get_by_text("Another person changed the idea")).to_be_visible()
    expect(page.get_by_role("textbox", name="Idea")).to_have_value("mine")
    page.get_by_role("button", name="Discard changes").click()
    expect(page.locator(".idea-text")).to_have_text("theirs")


def test_the_plan_appears_as_the_planner_makes_it(teams: Teams, open_tab: Open) -> None:
    team = teams.make(idea="A habit tracker with streaks")
    page = open_tab(team, "project")
    expect(page.get_by_role("heading", name="Not planned yet")).to_be_visible()

    teams.post(f"/api/stacks/{team}/start")

    expect(page.locator(".plan-title")).not_to_be_empty()
    expect(page.locator(".plan-features li").first).to_be_visible()
    expect(page.locator(".phase[data-place=done]")).to_have_count(4)
