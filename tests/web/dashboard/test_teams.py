"""The first page: finding teams, making one, and pausing all of them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browsing import reload, serious_violations
from tests.processes import run_to_end


def test_a_team_is_made_works_and_is_paused_and_resumed(teams, visit):
    page = visit(teams).open()
    expect(page.get_by_text("No teams yet")).to_be_visible()
    page.get_by_role("button", name="New team").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Habits <b>daily</b>")
    dialog.get_by_label("Idea").fill("A habit tracker with streaks")
    dialog.get_by_role("button", name="Create and start").click()

    expect(page).to_have_url(re.compile(r"/teams/[0-9a-f]{16}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Habits <b>daily</b>")
    expect(page.get_by_text("Done. Waiting for a message or todo").first).to_be_visible()
    expect(page.locator(".team-head")).to_contain_text("Complete")

    controls = page.get_by_role("group", name="Execution controls")
    expect(controls.get_by_role("button", name="Start")).to_be_disabled()
    controls.get_by_role("button", name="Pause").click()
    expect(page.locator(".team-head")).to_contain_text("Paused")
    expect(controls.get_by_role("button", name="Pause")).to_be_disabled()
    controls.get_by_role("button", name="Resume").click()
    expect(page.locator(".team-head")).to_contain_text("Running")
    controls.get_by_role("button", name="Stop").click()
    expect(page.locator(".team-head")).to_contain_text("Stopped")
    expect(controls.get_by_role("button", name="Start")).to_be_enabled()


@pytest.mark.parametrize(("name", "idea"), [("", "An idea"), ("A name", "  "), ("a\x07b", "An idea")])
def test_what_is_wrong_is_said_at_the_field(done, visit, name, idea):
    runner, _ = done
    page = visit(runner).open()
    page.get_by_role("button", name="New team").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Idea").fill(idea)
    dialog.get_by_role("button", name="Create", exact=True).click()
    wrong = dialog.get_by_label("Idea" if not idea.strip() else "Name")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("alert")).to_have_count(1)
    expect(wrong).to_be_focused()


@pytest.mark.slow
def test_a_name_that_is_anothers_is_noted_as_it_is_typed_and_taken(done, visit):
    runner, _ = done
    page = visit(runner).open()
    page.get_by_role("button", name="New team").click()
    dialog = page.get_by_role("dialog")
    noted = dialog.get_by_text("Another team has this name")
    dialog.get_by_label("Name").fill("habits ")
    expect(noted).to_be_visible()
    expect(dialog.get_by_label("Name")).not_to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Name").fill("Habits of cats")
    expect(noted).to_be_hidden()


def test_a_team_that_was_never_started_says_what_to_do(done, visit):
    runner, _ = done
    page = visit(runner).open()
    page.get_by_role("link", name="Later").click()
    expect(page.get_by_text("Work not detected yet")).to_be_visible()
    expect(page.get_by_text("No cycles yet").last).to_be_visible()
    expect(page.get_by_text("Checked", exact=True)).to_be_hidden()


@pytest.mark.slow
def test_a_team_gets_the_model_that_it_is_to_ask(teams, visit):
    page = visit(teams).open()
    page.get_by_role("button", name="New team").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Model")).to_have_value("scripted")
    dialog.get_by_label("Name").fill("Habits")
    dialog.get_by_label("Idea").fill("A habit tracker")
    dialog.get_by_label("Model").fill("gpt 5")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(dialog.get_by_label("Model")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("alert")).to_contain_text("Must be scripted, or PROVIDER:MODEL, such as")
    dialog.get_by_label("Model").fill("openai:gpt-5-mini")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(page).to_have_url(re.compile(r"/teams/[0-9a-f]{16}$"))
    (stack,) = run_to_end("list", "--json", data=teams.data).json
    configured = run_to_end("config", "--stack", stack["id"], "--json", data=teams.data).json
    named = next(each for each in configured if each["key"] == "model.name")
    assert named["value"] == "openai:gpt-5-mini"


def test_teams_are_searched_filtered_and_sorted_and_the_address_keeps_it(done, visit):
    runner, _ = done
    visitor = visit(runner)
    page = visitor.open()
    rows = page.get_by_role("table", name="Teams").locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Search").fill("habits")
    expect(rows).to_have_count(1)
    page.get_by_role("group", name="State").get_by_role("button", name="Idle").click()
    expect(page.get_by_text("No matching teams")).to_be_visible()
    expect(page).to_have_url(re.compile("state=idle"))
    reload(page)
    expect(page.get_by_text("No matching teams")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_value("habits")
    page.get_by_role("button", name="Show all teams").click()
    expect(rows).to_have_count(2)
    page.get_by_label("Order").select_option("By name")
    expect(rows.first).to_contain_text("Habits")
    expect(visitor.open("/?search=later").get_by_role("link", name="Later")).to_be_visible()


def test_a_link_opens_a_team_and_back_comes_back(done, visit):
    runner, team = done
    page = visit(runner).open("/?search=habits")
    page.get_by_role("link", name="Habits").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Habits")
    expect(page).to_have_url(f"{runner.url}/teams/{team}")
    expect(page).to_have_title("Habits · Recursor")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Teams")
    expect(page.get_by_label("Search")).to_have_value("habits")


@pytest.mark.slow
def test_more_teams_than_a_page_holds_are_paged(teams, visit):
    visitor = visit(teams)
    page = visitor.open()
    made = page.evaluate(
        """async () => {
            for (let i = 0; i < 30; i++) await fetch("/api/stacks", {
                method: "POST", headers: {"content-type": "application/json"},
                body: JSON.stringify({name: `Team ${i}`, idea: "An idea"}) });
            return (await (await fetch("/api/stacks?limit=1")).json()).total;
        }"""
    )
    assert made == 30
    rows = page.get_by_role("table", name="Teams").locator("tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.first).to_contain_text("Team 29")
    page.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(5)
    expect(rows.last).to_contain_text("Team 0")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    expect(page).to_have_url(re.compile("page="))
    reload(page)
    expect(rows).to_have_count(5)
    page.get_by_role("button", name="Previous").click()
    expect(rows).to_have_count(25)


@pytest.mark.slow
def test_all_teams_are_paused_and_resumed_when_that_is_meant(teams, visit):
    teams.make("One", start=True)
    teams.make("Two", start=True)
    page = visit(teams).open()
    paused = page.locator("tbody").get_by_text("Paused", exact=True)
    page.get_by_role("button", name="Pause all").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Pause 2 teams")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(paused).to_have_count(0)
    page.get_by_role("button", name="Pause all").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause 2 teams").click()
    expect(paused).to_have_count(2)
    expect(page.get_by_role("status").filter(has_text="Paused 2 teams.")).to_be_visible()
    page.get_by_role("button", name="Resume all").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume 2 teams").click()
    expect(paused).to_have_count(0)


@pytest.mark.slow
def test_a_team_for_a_repository_is_created_and_says_that_nothing_confines_it(teams, visit):
    page = visit(teams).open()
    page.get_by_role("button", name="New team").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Repository")).to_be_hidden()
    dialog.get_by_role("button", name="A git repository").click()
    dialog.get_by_label("Name").fill("Search")
    dialog.get_by_label("Idea").fill("Full-text search")
    dialog.get_by_label("Checks").fill("pytest -q -k 'a,b'\nruff check .")
    dialog.get_by_label("Builders").fill("0")
    dialog.get_by_label("Repository").fill("code/site")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(dialog.get_by_label("Builders")).to_be_focused()
    dialog.get_by_label("Builders").fill("4")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(dialog.get_by_label("Repository")).to_be_focused()
    expect(dialog.get_by_role("alert")).to_have_text("Is relative: give an absolute path or a URL")
    assert serious_violations(page) == []
    dialog.get_by_label("Repository").fill("")
    dialog.get_by_role("button", name="Create", exact=True).click()

    page.get_by_role("link", name="Files").click()
    expect(page.get_by_text("No repository yet")).to_be_visible()
    (team,) = teams.get("/api/stacks")["items"]
    stack = teams.get(f"/api/stacks/{team['id']}")["stack"]
    assert stack["kind"] == "workspace"
    assert stack["settings"]["workspace"] == {
        "checks": ["pytest -q -k 'a,b'", "ruff check ."],
        "builders": 4,
    }
    notice = page.get_by_text("The sandbox is off")
    expect(notice).to_be_hidden()
    teams.patch(f"/api/stacks/{team['id']}/settings", workspace={"sandbox": "off"})
    expect(notice).to_be_visible()
