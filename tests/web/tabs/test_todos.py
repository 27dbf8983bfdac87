"""The tab of the todos, in a browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.teams import Teams

# The API tests hold what is asked and told; `test_every_tab` opens each tab in every run.
pytestmark = pytest.mark.slow

Open = Callable[..., Page]


def test_urgent_ones_stand_first_and_closed_ones_last(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    made = {
        name: teams.post(f"/api/stacks/{team}/todos", content=name, priority=priority)["id"]
        for name, priority in (("usual", 3), ("gone", 5), ("urgent", 5), ("later", 1))
    }
    teams.post(f"/api/stacks/{team}/todos/{made['gone']}/cancel")

    page = open_tab(team, "todos")

    expect(page.locator(".todo")).to_have_count(4)
    expect(page.locator(".todo-content")).to_have_text(["urgent", "usual", "later", "gone"])
    page.get_by_role("button", name="Cancelled 1").click()
    expect(page.locator(".todo")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?status=cancelled$"))


def test_one_is_added_with_the_keyboard_alone(teams: Teams, open_tab: Open) -> None:
    page = open_tab(teams.make(), "todos")
    expect(page.get_by_role("heading", name="No todos yet")).to_be_visible()

    page.get_by_label("New todo").focus()
    page.keyboard.type("water <b>plants</b>")
    page.keyboard.press("Enter")

    expect(page.locator(".todo-content")).to_have_text("water <b>plants</b>")
    expect(page.get_by_label("New todo")).to_have_value("")
    expect(page.get_by_label("New todo")).to_be_focused()


def test_an_empty_one_is_refused_at_its_field(teams: Teams, open_tab: Open) -> None:
    page = open_tab(teams.make(), "todos")

    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("alert").filter(has_text="Must not be empty.")).to_be_visible()
    expect(page.get_by_label("New todo")).to_have_attribute("aria-invalid", "true")


def test_what_is_being_typed_survives_what_happens(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    made = teams.post(f"/api/stacks/{team}/todos", content="old", priority=3)["id"]
    page = open_tab(team, "todos")
    page.get_by_role("button", name="Edit: old").click()
    page.get_by_label("Todo", exact=True).fill("half of a sent")

    teams.post(f"/api/stacks/{team}/todos", content="another", priority=5)

    expect(page.locator(".todo-content", has_text="another")).to_be_visible()
    field = page.get_by_label("Todo", exact=True)
    expect(field).to_have_value("half of a sent")
    expect(field).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type("ence")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".todo-content", has_text="half of a sentence")).to_be_visible()
    expect(page.get_by_role("button", name="Edit: half of a sentence")).to_be_focused()
    assert teams.get(f"/api/stacks/{team}/todos/{made}")["content"] == "half of a sentence"


def test_one_is_cancelled_after_a_question_and_can_be_added_again(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    made = teams.post(f"/api/stacks/{team}/todos", content="old", priority=4)["id"]
    page = open_tab(team, "todos")

    page.get_by_role("button", name="Cancel: old").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Cancel: old")).to_be_focused()
    assert teams.get(f"/api/stacks/{team}/todos/{made}")["status"] == "pending"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel it").click()

    expect(page.locator(".todo .badge")).to_have_text("Cancelled")
    page.get_by_role("button", name="Add again: old").click()
    expect(page.locator(".todo .badge")).to_have_text(["Pending", "Cancelled"])


def test_many_are_turned_through(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    for number in range(52):
        teams.post(f"/api/stacks/{team}/todos", content=f"number {number}", priority=3)
    page = open_tab(team, "todos")
    expect(page.locator(".todo")).to_have_count(50)

    page.get_by_role("button", name="Next").click()

    expect(page.locator(".todo")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?page=2$"))
    page.go_back()
    expect(page.locator(".todo")).to_have_count(50)


def test_a_page_that_is_no_number_is_the_first(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    teams.post(f"/api/stacks/{team}/todos", content="old", priority=3)

    page = open_tab(team, f"todos?page={'9' * 5_000}")

    expect(page.locator(".todo")).to_have_count(1)
