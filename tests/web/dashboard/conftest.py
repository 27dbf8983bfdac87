"""Pages of a real runner in a real browser; at the end of a test none of them may have complained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsing import PATIENCE, wait_until_live
from tests.processes import Started, run_to_end, started_runner

PHONE = {"width": 390, "height": 844}


class Visitor:
    """A person at a browser, and what the browser complained of."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._context = context
        context.set_default_timeout(PATIENCE)

    def open(self, path: str = "/") -> Page:
        page = self._context.new_page()
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        expect(page.locator("h1")).to_be_visible()
        wait_until_live(page)
        return page


@pytest.fixture
def visit(browser: Browser):
    """Opens a browser on a runner's pages. Keyword arguments go to the browser's context."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def visit_(runner: Started, **more) -> Visitor:
        contexts.append(browser.new_context(locale="en-GB", **more))
        visitors.append(Visitor(contexts[-1], runner.url))
        return visitors[-1]

    yield visit_
    for context in contexts:
        context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@contextmanager
def run_with_teams(data: Path, *names: str, start: bool = True) -> Iterator[tuple[Started, list[str]]]:
    """A runner with some scripted teams, and their ids."""
    ids = []
    for name in names:
        started = ("--start",) if start else ()
        done = run_to_end("create", name, "--idea", "A habit tracker with streaks", *started, data=data)
        assert done.code == 0, done.err
        ids.append(done.out.strip())
    with started_runner(data=data) as runner:
        yield runner, ids


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Iterator[tuple[Started, str]]:
    """A runner with a team that has finished its work: look, and change nothing."""
    data = tmp_path_factory.mktemp("done") / "data"
    run_to_end("create", "Habits", "--idea", "A habit tracker with streaks", "--start", data=data)
    ended = run_to_end("run", "--until-done", "--port", "0", data=data)
    assert ended.code == 0, ended.err
    with run_with_teams(data, "Later", start=False) as (runner, _):
        stacks = run_to_end("list", "--json", data=data).json
        yield runner, next(stack["id"] for stack in stacks if stack["name"] == "Habits")
