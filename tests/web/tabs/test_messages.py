"""The tab of the messages, in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browsing import reload
from tests.processes import Gated, run_to_end
from tests.web.teams import Teams

# The API tests hold what is asked and told; `test_every_tab` opens each tab in every run.
pytestmark = pytest.mark.slow

Open = Callable[..., Page]


def test_a_visitor_is_answered_live(teams: Teams, open_tab: Open) -> None:
    team = teams.make(idea="a list", start=True)
    page = open_tab(team, "messages")
    expect(page.get_by_role("heading", name="No messages yet")).to_be_visible()

    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Message", exact=True).focus()
    page.keyboard.type("How far")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("are <b>you</b>?")
    page.keyboard.press("Enter")

    asked = page.locator(".said[data-side=right]")
    expect(asked.locator(".said-text p")).to_have_text("How far\nare <b>you</b>?")
    expect(page.locator(".said[data-side=left] .said-text")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    reload(page)
    expect(page.get_by_label("Your name")).to_have_value("Ada")


def test_what_is_wrong_stands_at_its_field(teams: Teams, open_tab: Open) -> None:
    page = open_tab(teams.make(), "messages")

    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("alert").filter(has_text="Must not be empty.")).to_have_count(2)
    expect(page.get_by_label("Your name")).to_be_focused()


def test_a_team_that_does_not_run_says_when_it_answers(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    teams.post(f"/api/stacks/{team}/user-messages", sender="Ada", content="Hello?")

    page = open_tab(team, "messages")

    expect(page.get_by_text("It answers once you press Start.")).to_be_visible()
    expect(page.locator(".said-waiting")).to_have_text("Answered once the team is started.")


def test_what_is_being_written_outlives_the_tab_and_a_message_of_somebody_else(
    teams: Teams, open_tab: Open
) -> None:
    team = teams.make()
    page = open_tab(team, "messages")
    page.get_by_label("Message", exact=True).fill("half of")

    teams.post(f"/api/stacks/{team}/user-messages", sender="Bob", content="Me too")

    expect(page.locator(".said-who").first).to_have_text("Bob")
    expect(page.get_by_label("Message", exact=True)).to_have_value("half of")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.get_by_role("link", name="Todos").click()
    page.get_by_role("link", name="Messages").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("half of")


def test_earlier_messages_are_shown_without_losing_the_place(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    for number in range(35):
        teams.post(f"/api/stacks/{team}/user-messages", sender="Ada", content=f"number {number}")
    page = open_tab(team, "messages")
    expect(page.get_by_text("number 34", exact=True)).to_be_in_viewport()
    expect(page.get_by_text("number 4", exact=True)).to_have_count(0)
    page.get_by_text("number 5", exact=True).scroll_into_view_if_needed()

    page.get_by_role("button", name="Show earlier messages").click()

    expect(page.get_by_text("number 0", exact=True)).to_be_attached()
    expect(page.get_by_text("number 5", exact=True)).to_be_in_viewport()
    teams.post(f"/api/stacks/{team}/user-messages", sender="Ada", content="one more")
    page.get_by_role("button", name="New messages").click()
    expect(page.get_by_text("one more", exact=True)).to_be_in_viewport()


def test_a_long_one_is_cut_until_somebody_wants_all_of_it(teams: Teams, open_tab: Open) -> None:
    team = teams.make()
    teams.post(f"/api/stacks/{team}/user-messages", sender="Ada", content="word " * 3_990 + "the end")
    page = open_tab(team, "messages")
    expect(page.get_by_text("the end")).to_have_count(0)

    page.get_by_role("button", name="Show all of it").click()

    expect(page.get_by_text("the end")).to_be_attached()


def test_what_teams_say_to_each_other(teams: Teams, open_tab: Open) -> None:
    ours, theirs = teams.make("ours"), teams.make("theirs")
    teams.post(f"/api/stacks/{theirs}/messages", to_stack_id=ours, content="to you")
    teams.post(f"/api/stacks/{ours}/messages", to_stack_id=theirs, content="from us")
    page = open_tab(ours, "messages")

    page.get_by_role("button", name="Other teams").click()

    # All teams of these tests share a runner, and hear each other's broadcasts.
    expect(page.locator(".said[data-side=left]", has_text="to you")).to_be_visible()
    expect(page.locator(".said[data-side=right]")).to_contain_text("to theirs")
    teams.post(f"/api/stacks/{theirs}/messages", content="to everybody")
    said = page.locator(".said", has_text="to everybody")
    expect(said.locator(".said-tag")).to_have_text("to all teams")


def test_who_waits_sees_that_the_communicator_is_at_work(gated: Gated, context: BrowserContext) -> None:
    run_to_end("message", gated.id, "How far are you?", data=gated.data)
    with gated.runner() as runner:
        page = context.new_page()
        page.goto(f"{runner.url}/teams/{gated.id}/messages")

        expect(page.locator(".said-waiting")).to_have_text("The communicator answers…")
        gated.open()
