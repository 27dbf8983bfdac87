"""Pages stay true: what others do is seen, and a runner that was killed and started again is come back to."""

import signal

import httpx
import pytest
from playwright.sync_api import expect

from tests.processes import TIMEOUT, run_to_end, started_runner


def test_what_others_do_is_seen_without_loading_the_page_again(teams, visit):
    first = teams.make("First")
    visitor = visit(teams)
    home, team = visitor.open(), visitor.open(f"/teams/{first}")
    expect(team.locator(".team-head")).to_contain_text("Idle")
    assert run_to_end("create", "Second", "--idea", "A list", data=teams.data).code == 0
    expect(home.locator("tbody tr")).to_have_count(2)
    assert run_to_end("start", "First", data=teams.data).code == 0
    expect(team.locator(".team-head")).to_contain_text("Complete")
    expect(team.get_by_role("table", name="Cycles").locator("tbody tr").first).to_be_visible()
    expect(home.locator("tbody tr", has_text="First")).to_contain_text("Complete")
    assert run_to_end("delete", "First", "--yes", data=teams.data).code == 0
    expect(team.get_by_text("Team not found")).to_be_visible()
    expect(home.locator("tbody tr")).to_have_count(1)


def test_typing_and_focus_survive_what_happens_meanwhile(teams, visit):
    teams.make("First")
    page = visit(teams).open()
    search = page.get_by_label("Search")
    search.fill("sec")
    expect(page.get_by_text("No matching teams")).to_be_visible()
    assert run_to_end("create", "Second", "--idea", "A list", data=teams.data).code == 0
    expect(page.get_by_role("link", name="Second")).to_be_visible()
    expect(search).to_be_focused()
    expect(search).to_have_value("sec")


@pytest.mark.slow
def test_a_page_comes_back_by_itself_when_its_runner_does(tmp_path, visit):
    data = tmp_path / "data"
    first = run_to_end("create", "First", "--idea", "A list", data=data).out.strip()
    with started_runner(data=data) as runner:
        visitor = visit(runner)
        page = visitor.open(f"/teams/{first}?range=7d")
        port = runner.url.rpartition(":")[2]
        runner.end(signal.SIGKILL)
        expect(page.get_by_role("status").filter(has_text="The runner does not answer")).to_be_visible()
        # What cannot be told to anybody cannot be pressed.
        start = page.get_by_role("group", name="Execution controls").get_by_role("button", name="Start")
        expect(start).to_be_disabled()
        start.click(force=True)
        expect(start).to_have_text("Start")
        # Nobody else tells the page: it is started in another state than it was left in.
        assert run_to_end("start", "First", data=data).code == 0
        with started_runner("--port", port, data=data):
            expect(page.locator(".team-head")).to_contain_text("Complete")
            expect(page.get_by_text("The runner does not answer")).to_have_count(0)
            expect(page.get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")
            page.get_by_role("group", name="Execution controls").get_by_role("button", name="Pause").click()
            expect(page.locator(".team-head")).to_contain_text("Paused")
        # That it could not connect meanwhile is no error of the page.
        visitor.complaints.clear()


def test_the_api_is_not_hidden_by_the_pages(done):
    runner, _ = done
    with httpx.Client(base_url=runner.url, timeout=TIMEOUT) as client:
        unknown = client.get("/api/nothing")
        assert unknown.status_code == 404
        assert unknown.headers["content-type"] == "application/problem+json"
        assert client.delete("/api/stacks").status_code == 405
        page = client.get("/")
        assert page.status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
