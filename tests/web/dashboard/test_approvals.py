"""What agents ask people for: shown and answered on the first page and on the team's."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from recursor.domain.approval import Approval
from recursor.runner.data_paths import store_directory
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.tables import APPROVALS
from tests.browsing import serious_violations
from tests.making import NOW, STACK, make_idea, make_stack
from tests.storing import put_all, put_stack
from tests.web.dashboard.conftest import PHONE
from tests.web.teams import Teams


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Teams]:
    """A runner with a team that may publish nothing without being told so, and has asked twice."""

    def fill(writer: Commit) -> None:
        put_stack(writer, make_stack(state="idle"), make_idea())
        for number in (1, 2):
            asked = Approval(
                id=f"{number:032}",
                stack_id=STACK,
                action="publish",
                subject=f"publish a version of {number} lines",
                digest=f"{number}" * 64,
                role="builder",
                execution_id="e" * 32,
                created_at=NOW,
                expires_at=4e9,
                content="<p>hello\n" * number,
            )
            APPROVALS.add(writer, asked)

    with closing(open_store(store_directory(tmp_path / "data"))) as store:
        put_all(store, fill)
    with Teams.of_a_runner(tmp_path / "data") as teams:
        yield teams


def _requests(page: Page, name: str = "Waiting for your approval"):
    return page.get_by_role("region", name=name).get_by_role("listitem")


def test_a_request_is_answered_on_the_first_page_and_remembered(asking: Teams, visit) -> None:
    page = visit(asking).open()
    heading = page.locator(".request-count")
    expect(heading).to_have_text("2")
    first = _requests(page).first
    expect(first).to_contain_text("publish a version of")
    expect(first).to_contain_text("The builder asked")
    first.get_by_role("button", name="Show the difference").click()
    expect(first.get_by_role("region", name=re.compile("What would be published"))).to_be_visible()
    assert serious_violations(page) == []

    first.get_by_role("button", name="Reject:").click()
    expect(first.get_by_label("Note for the agents")).to_be_focused()
    page.keyboard.type("larger <b>letters</b>")
    page.keyboard.press("Enter")

    expect(heading).to_have_text("1")
    expect(first.get_by_role("button", name="Approve:")).to_be_focused()
    expect(first).to_contain_text("publish a version of 1 lines")
    page.goto(f"{asking.url}/teams/{STACK}/approvals")
    answered = _requests(page, "Answered")
    expect(answered).to_have_count(1)
    expect(answered).to_contain_text("Rejected")
    expect(answered).to_contain_text("larger <b>letters</b>")
    assert serious_violations(page) == []


@pytest.mark.slow
def test_an_answer_that_comes_too_late_says_why(asking: Teams, visit) -> None:
    page = visit(asking, viewport=PHONE).open(f"/teams/{STACK}/approvals")
    expect(page.get_by_text("Waits for your approval: publish a version")).to_be_visible()
    newest = asking.get("/api/approvals")[0]["approval"]["id"]
    first = _requests(page, "Waiting").first
    first.get_by_role("button", name="Approve:").click()
    asking.post(f"/api/approvals/{newest}/answer", approved=False, note="mine was first")
    # It stays while a person is about to answer it.
    expect(_requests(page, "Answered")).to_contain_text("mine was first")
    first.get_by_role("button", name="Approve", exact=True).click()
    expect(first.get_by_role("alert")).to_contain_text("is rejected already")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
