"""The tab of the settings, in a browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Dialog, Locator, Page, expect

from tests.browsing import wait_until_live
from tests.processes import TIMEOUT, started_runner
from tests.web.teams import Teams

# The API tests hold what is asked and told; `test_every_tab` opens each tab in every run.
pytestmark = pytest.mark.slow

Open = Callable[..., Page]


def setting(page: Page, name: str) -> Locator:
    return page.locator(".setting").filter(has=typed(page, name))


def typed(page: Page, name: str) -> Locator:
    return page.get_by_label(name, exact=True)


def own(teams: Teams, team: str) -> Any:
    return teams.get(f"/api/stacks/{team}")["stack"]["settings"]


def test_only_what_was_changed_is_saved_and_can_be_taken_back(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "settings")
    looks = setting(page, "Between looks")
    expect(looks).to_have_attribute("data-kind", "default")
    expect(looks).to_contain_text("Longest time between two checks")

    typed(page, "Between looks").fill("12.5")
    expect(page.get_by_text("1 unsaved change")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(looks).to_have_attribute("data-kind", "own")
    expect(looks).to_contain_text("Set for this team; default: 30")
    assert own(teams, team) == {"pause": {"between_looks": 12.5}}
    looks.get_by_role("button", name="Use the default").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(looks).to_have_attribute("data-kind", "default")
    expect(typed(page, "Between looks")).to_have_value("30")
    assert own(teams, team) == {}


def test_the_team_is_called_something_else(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "settings")
    name = typed(page, "Team name")
    name.fill("  ")
    page.get_by_role("button", name="Rename").click()
    expect(name).to_be_focused()
    teams.make("Beds")
    name.fill("beds")
    expect(page.get_by_text("Another team has this name")).to_be_visible()
    name.fill("Kitchen garden")
    expect(page.get_by_text("Another team has this name")).to_be_hidden()
    name.press("Enter")
    expect(page.get_by_role("heading", name="Kitchen garden")).to_be_visible()
    expect(name).to_have_value("Kitchen garden")
    assert teams.get(f"/api/stacks/{team}")["stack"]["name"] == "Kitchen garden"


def test_a_bad_value_is_refused_at_its_field_as_it_is_typed(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "settings")

    typed(page, "Urgent todo").fill("9")

    expect(setting(page, "Urgent todo").get_by_role("alert")).to_contain_text("less than or equal to 5")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(typed(page, "Urgent todo")).to_be_focused()
    assert own(teams, team) == {}
    typed(page, "Urgent todo").fill("many")
    expect(setting(page, "Urgent todo").get_by_role("alert")).to_have_text("Must be a number, such as 30")
    page.get_by_role("button", name="Discard").click()
    expect(typed(page, "Urgent todo")).to_have_value("3")
    expect(setting(page, "Urgent todo").get_by_role("alert")).to_have_count(0)


def test_words_are_a_list(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "settings")

    typed(page, "Change keywords").fill("bitte, ändere\nmach")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(setting(page, "Change keywords")).to_have_attribute("data-kind", "own")
    assert own(teams, team) == {"detection": {"change_keywords": ["bitte", "ändere", "mach"]}}


def test_what_somebody_else_changed_is_seen_and_what_was_typed_stays(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "settings")
    typed(page, "After work").fill("7")
    expect(page.get_by_role("button", name="Discard")).to_be_enabled()

    teams.patch(f"/api/stacks/{team}/settings", pause={"after_work": 3, "first_backoff": 9})

    expect(typed(page, "First backoff")).to_have_value("9")
    expect(typed(page, "After work")).to_have_value("7")
    expect(setting(page, "After work")).to_contain_text("Another person set it to 3")
    page.get_by_role("button", name="Discard").click()
    expect(typed(page, "After work")).to_have_value("3")


def test_a_team_is_deleted_only_by_its_name(teams: Teams, open_tab: Open) -> None:
    team = teams.make("to be gone")
    page = open_tab(team, "settings")

    page.get_by_role("button", name="Delete the team").click()
    typed(page, "Name of the team").fill("something")
    page.get_by_role("button", name="Delete permanently").click()
    expect(page.get_by_role("alert")).to_contain_text("The name is")
    typed(page, "Name of the team").fill("to be gone")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{teams.url}/")
    expect(page.get_by_role("link", name="to be gone")).to_have_count(0)
    assert team not in [each["id"] for each in teams.get("/api/stacks")["items"]]


def test_whoever_leaves_with_something_unsaved_is_asked(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "settings")
    asked: list[str] = []
    leave = False

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if leave:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    todos = page.get_by_role("link", name="Todos")
    typed(page, "Between looks").fill("12.5")
    expect(page.get_by_text("1 unsaved change")).to_be_visible()
    todos.click()
    assert asked == ["1 unsaved change. Leave without saving?"]
    expect(typed(page, "Between looks")).to_have_value("12.5")

    leave = True
    todos.click()
    expect(todos).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Settings").click()
    expect(typed(page, "Between looks")).to_have_value("30")
    assert len(asked) == 2


def test_back_asks_too_and_who_stays_is_where_they_were(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "todos")
    path = f"{teams.url}/teams/{team}"
    for name in ("Settings", "Traces"):
        page.get_by_role("link", name=name).click()
        expect(page).to_have_url(f"{path}/{name.lower()}")
    page.go_back()
    expect(page).to_have_url(f"{path}/settings")
    typed(page, "Between looks").fill("12.5")
    expect(page.get_by_text("1 unsaved change")).to_be_visible()

    # What was ahead is still ahead after Back.
    for away in ("back", "forward", "back"):
        assert asked(page, away, stay=True) == "1 unsaved change. Leave without saving?"
        expect(page).to_have_url(f"{path}/settings")
        expect(typed(page, "Between looks")).to_have_value("12.5")

    asked(page, "back", stay=False)
    expect(page).to_have_url(f"{path}/todos")
    expect(page.get_by_role("link", name="Todos")).to_have_attribute("aria-current", "page")


def test_a_name_that_was_typed_is_not_left_without_asking_either(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    page = open_tab(team, "todos")
    page.get_by_role("link", name="Settings").click()
    expect(page).to_have_url(f"{teams.url}/teams/{team}/settings")
    typed(page, "Team name").fill("Kitchen garden")
    expect(page.get_by_text("Unsaved;")).to_be_visible()

    assert "The new name is unsaved" in asked(page, "back", stay=True)

    expect(page).to_have_url(f"{teams.url}/teams/{team}/settings")
    typed(page, "Team name").press("Enter")
    expect(page.get_by_role("heading", name="Kitchen garden")).to_be_visible()
    expect(page.get_by_text("Unsaved;")).to_be_hidden()
    page.go_back()
    expect(page).to_have_url(f"{teams.url}/teams/{team}/todos")


def asked(page: Page, away: str, *, stay: bool) -> str:
    """What is asked when one goes back or forward in the browser."""
    said: list[str] = []

    def answer(dialog: Dialog) -> None:
        said.append(dialog.message)
        if stay:
            dialog.dismiss()
        else:
            dialog.accept()

    page.once("dialog", answer)
    with page.expect_event("dialog"):
        page.evaluate(f"setTimeout(() => history.{away}())")
    return said[0]


def test_what_all_teams_have_by_role_is_said_and_not_saved_as_the_teams_own(
    tmp_path: Path, context: BrowserContext
) -> None:
    given = {
        "RECURSOR_BUDGET__ROLE_TOKENS": '{"planner": 1000}',
        "RECURSOR_BUDGET__ROLE_DOLLARS": '{"planner": "2.5"}',
    }
    with (
        started_runner(data=tmp_path / "data", env=given) as runner,
        httpx.Client(base_url=runner.url, timeout=TIMEOUT) as client,
    ):
        team = client.post("/api/stacks", json={"name": "Pond"}).raise_for_status().json()["id"]
        page = context.new_page()
        page.goto(f"{runner.url}/teams/{team}/settings")
        wait_until_live(page)
        tokens = setting(page, "Role tokens")
        expect(tokens).to_contain_text('All teams: {"planner": 1000}')
        expect(setting(page, "Role dollars")).to_contain_text('All teams: {"planner": "2.5"}')
        expect(typed(page, "Role tokens")).to_have_value("")

        typed(page, "Role tokens").fill('{"builder": 5}')
        page.get_by_role("button", name="Save", exact=True).click()

        expect(tokens).to_have_attribute("data-kind", "own")
        kept = client.get(f"/api/stacks/{team}").json()["stack"]["settings"]
        assert kept == {"budget": {"role_tokens": {"builder": 5}}}
        typed(page, "Role tokens").fill("")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(tokens).to_have_attribute("data-kind", "default")
        assert client.get(f"/api/stacks/{team}").json()["stack"]["settings"] == {}
