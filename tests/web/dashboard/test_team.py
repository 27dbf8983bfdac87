"""A team's page: what it says of a team, and the cycles it opens."""

import re
import time
from contextlib import closing
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import Usage
from recursor.domain.ids import new_id
from recursor.domain.spending import BudgetName, Spend
from recursor.domain.stack import ExecutionState
from recursor.orchestration.decision import summarise
from recursor.orchestration.ledger import Budgets
from recursor.runner.data_paths import store_directory
from recursor.storage.opening import open_store
from recursor.storage.rollups import count_execution
from recursor.storage.tables import EXECUTIONS, GRAPHS
from tests.browsing import reload, serious_violations
from tests.making import STACK, make_graph, make_idea, make_node, make_stack
from tests.processes import Gated, started_runner
from tests.storing import empty_ledger, put_all, put_ledger, put_stack

# The API tests hold what is asked and told; `test_reach` opens these pages in every run.
pytestmark = pytest.mark.slow


def test_the_figures_the_work_and_the_cycles_of_a_team_are_shown(done, visit):
    runner, team = done
    page = visit(runner).open(f"/teams/{team}")
    figures = page.get_by_role("region", name="Statistics")
    expect(figures).to_contain_text("Success rate100 %Healthy")
    expect(figures).to_contain_text("Healthy: 1 to 10 s")
    work = page.get_by_role("region", name="Work detection").get_by_role("listitem")
    expect(work).to_have_count(4)
    expect(work.first).to_contain_text("No work")
    for chart in ("Average duration of a cycle", "Agents in parallel", "Success rate", "Runs of agents"):
        drawn = page.get_by_role("img", name=chart)
        drawn.scroll_into_view_if_needed()
        expect(drawn.locator("canvas")).to_be_visible()


def test_a_cycle_is_opened_closed_and_sent_around(done, visit):
    runner, team = done
    visitor = visit(runner)
    page = visitor.open(f"/teams/{team}")
    page.get_by_role("link", name="Cycle 1", exact=True).click()
    _expect_the_first_cycle(page)
    expect(page).to_have_url(re.compile(r"\?cycle=[0-9a-f]{32}$"))
    other = visitor.open(page.url.removeprefix(runner.url))
    _expect_the_first_cycle(other)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"/teams/{team}$"))
    expect(page.get_by_role("link", name="Cycle 1", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    _expect_the_first_cycle(page)
    expect(page).to_have_url(re.compile(r"\?cycle="))
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)


def _expect_the_first_cycle(page: Page) -> None:
    dialog = page.get_by_role("dialog", name="Cycle 1")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("img", name=re.compile("Wave 1: planner completed"))).to_be_visible()
    expect(dialog.locator(".timeline-bar").first).to_be_visible()
    expect(dialog).to_contain_text("Decision")


def test_cycles_are_filtered_and_the_time_is_chosen(done, visit):
    runner, team = done
    page = visit(runner).open(f"/teams/{team}")
    cycles = page.get_by_role("table", name="Cycles").locator("tbody tr")
    expect(cycles.first).to_contain_text("#")
    page.get_by_label("Decision").select_option("Pause")
    expect(cycles).to_have_count(1)
    expect(cycles).to_contain_text("Pause until a message or todo")
    page.get_by_label("Status").select_option("Failed")
    expect(page.get_by_text("No cycles here")).to_be_visible()
    page.get_by_role("group", name="Time").get_by_role("button", name="7 d").click()
    expect(page).to_have_url(re.compile(r"decision=pause&status=failed&range=7d$"))
    reload(page)
    expect(page.get_by_text("No cycles here")).to_be_visible()
    expect(page.get_by_label("Decision")).to_have_value("pause")


def test_what_a_team_does_is_seen_as_it_happens(tmp_path, visit):
    gated = Gated(tmp_path)
    with gated.runner() as runner:
        page = visit(runner).open(f"/teams/{gated.id}")
        now = page.get_by_role("region", name="Now")
        expect(now).to_contain_text("One agent working")
        expect(now).to_contain_text(re.compile(r"Planner\s*\d+ s"))
        gated.say("a plan with\n<b>beds</b>")
        expect(now.get_by_text("a plan with <b>beds</b>")).to_have_attribute("aria-live", "off")
        gated.say("x" * 500 + " and sowing dates")
        expect(now.get_by_text(re.compile("^…x+ and sowing dates$"))).to_be_visible()
        page.get_by_role("group", name="Execution controls").get_by_role("button", name="Pause").click()
        expect(page.locator(".team-head")).to_contain_text("Paused")
        # The agent that was at work is let finish.
        expect(now).to_contain_text("One agent working")
        gated.open()
        expect(now).to_contain_text("Press Resume to continue.")
        page.get_by_role("group", name="Execution controls").get_by_role("button", name="Resume").click()
        expect(now).to_contain_text("No work now")


def test_a_stop_is_seen_at_once_as_the_end_of_the_cycle(tmp_path, visit):
    gated = Gated(tmp_path)
    with gated.runner() as runner:
        page = visit(runner).open(f"/teams/{gated.id}")
        cycle = page.get_by_role("table", name="Cycles").locator("tbody tr")
        expect(cycle).to_contain_text("Running")
        expect(page.get_by_role("region", name="Now")).to_contain_text("One agent working")
        page.get_by_role("group", name="Execution controls").get_by_role("button", name="Stop").click()
        expect(page.locator(".team-head")).to_contain_text("Stopped")
        expect(cycle).to_have_count(1)
        expect(cycle).to_contain_text("Cancelled")
        expect(page.get_by_role("region", name="Now")).not_to_contain_text("working")


REASON = (
    "builder: budget.tokens: 900 of 1,000 tokens spent, "
    "and the next call needs up to 500 tokens: raise the budget, then resume"
)


@pytest.fixture
def poor(tmp_path):
    """A runner with a team that was paused for want of tokens."""
    settings = {"budget": {"tokens": 1000, "dollars": "0.5"}}
    paused = {"state": ExecutionState.PAUSED, "state_reason": REASON, "settings": settings}
    paused["out_of_budget"] = BudgetName(kind="tokens")

    def fill(writer):
        put_stack(writer, make_stack(**paused), make_idea())
        spent = Spend(tokens=900, dollars=Decimal("0.0123"), unpriced_tokens=100)
        ledger = empty_ledger()
        ledger.reserve(STACK, "builder", Budgets(), spent, 0, "call")
        ledger.settle("call", spent)
        put_ledger(writer, ledger)
        usage = Usage(model="openai:gpt-5-mini", input_tokens=800, output_tokens=100, cost=Decimal("0.0123"))
        graph = make_graph([make_node("builder", usage=usage)], id=new_id())
        ended = {"started_at": time.time() - 5, "finished_at": time.time(), "status": "completed"}
        execution = OrchestratorExecution(id=graph.id, stack_id=STACK, number=1, epoch=0, **ended)
        execution = execution.but(summary=summarise(graph))
        EXECUTIONS.put(writer, execution)
        GRAPHS.put(writer, graph)
        count_execution(writer, execution, graph)

    with closing(open_store(store_directory(tmp_path / "data"))) as store:
        put_all(store, fill)
    with started_runner(data=tmp_path / "data") as runner:
        yield runner


def test_what_was_spent_of_what_is_shown_and_what_to_do_when_it_is_used_up(poor, visit):
    page = visit(poor).open(f"/teams/{STACK}")
    expect(
        page.get_by_text("This team's budget is used up. Raise budget.tokens in the settings")
    ).to_be_visible()
    spending = page.get_by_role("region", name="Spending")
    expect(spending).to_contain_text("900of 1,000")
    expect(spending).to_contain_text("$0.0123of $0.50")
    expect(spending).to_contain_text("No limit")
    expect(spending).to_contain_text("The price of 100 tokens is unknown.")
    bars = spending.get_by_role("progressbar")
    expect(bars.first).to_have_attribute("value", "90")
    expect(bars.filter(visible=True)).to_have_count(2)
    expect(spending.get_by_role("listitem").first).to_have_text("openai:gpt-5-mini$0.0123, 900 tokens")
    assert serious_violations(page) == []
    page.get_by_role("link", name="Cycle 1", exact=True).click()
    dialog = page.get_by_role("dialog", name="Cycle 1")
    expect(dialog).to_contain_text("openai:gpt-5-mini, 800 tokens in, 100 out, $0.0123")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Settings").first.click()
    expect(page).to_have_url(re.compile(r"/settings$"))


def test_a_team_that_needs_no_model_has_no_spending(done, visit):
    runner, team = done
    page = visit(runner).open(f"/teams/{team}")
    expect(page.get_by_role("region", name="Work detection")).to_be_visible()
    expect(page.get_by_role("region", name="Spending")).to_have_count(0)


def test_a_team_that_is_not_there_says_so(done, visit):
    runner, _ = done
    visitor = visit(runner)
    page = visitor.open("/teams/0000000000000000")
    expect(page.get_by_text("Team not found")).to_be_visible()
    page.get_by_role("link", name="Go to all teams").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Teams")


def test_a_page_that_is_not_there_says_so(done, visit):
    runner, _ = done
    visitor = visit(runner)
    page = visitor.open("/nowhere")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    # That it is not there is the browser's to tell, too.
    assert all("404" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()
