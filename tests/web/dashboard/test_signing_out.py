"""Giving the token, and signing out, in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import serious_violations, wait_until_live
from tests.processes import started_runner

TOKEN = "a secret of some length"


@pytest.mark.slow
def test_who_signs_out_is_out_in_every_tab_and_comes_back_to_where_they_were(
    tmp_path: Path, browser: Browser
) -> None:
    with started_runner(data=tmp_path / "data", env={"RECURSOR_TOKEN": TOKEN}) as runner:
        context = browser.new_context()
        page, other = context.new_page(), context.new_page()
        page.goto(runner.url)
        assert serious_violations(page) == []
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("heading", name="Teams", level=1)).to_be_visible()
        wait_until_live(page)
        assert serious_violations(page) == []
        other.goto(f"{runner.url}/doctor")
        expect(other.get_by_role("heading", level=1)).to_be_visible()
        wait_until_live(other)

        page.get_by_role("button", name="Sign out").press("Enter")

        expect(page).to_have_url(f"{runner.url}/login")
        # The other tab was connected, and notices by itself.
        expect(other).to_have_url(f"{runner.url}/login?next=%2Fdoctor")
        other.get_by_label("Token").fill(TOKEN)
        other.get_by_label("Token").press("Enter")
        expect(other).to_have_url(f"{runner.url}/doctor")
        context.close()


@pytest.mark.slow
def test_nobody_signs_out_where_nobody_signs_in(done, visit) -> None:
    runner, _ = done
    expect(visit(runner).open().get_by_role("button", name="Sign out")).to_have_count(0)
