"""A real runner with its dashboard, and a real browser to look at it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsing import PATIENCE, wait_until_live
from tests.processes import TIMEOUT, started_runner


class Teams:
    """What a runner has, made and read over HTTP."""

    def __init__(self, url: str, data: Path, client: httpx.Client) -> None:
        self.url, self.data = url, data
        self._client = client

    def post(self, path: str, **body: Any) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()

    def put(self, path: str, **body: Any) -> Any:
        return self._client.put(path, json=body).raise_for_status().json()

    def patch(self, path: str, **body: Any) -> Any:
        return self._client.patch(path, json=body).raise_for_status().json()

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def make(self, name: str = "Habits", idea: str | None = "a list", *, start: bool = False) -> str:
        """Return the id of a new team; one that is not started does nothing by itself."""
        return str(self.post("/api/stacks", name=name, idea=idea, start=start)["id"])


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    data = tmp_path_factory.mktemp("tabs") / "data"
    with (
        started_runner(data=data) as runner,
        httpx.Client(base_url=runner.url, timeout=TIMEOUT) as client,
    ):
        yield Teams(runner.url, data, client)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def open_tab(context: BrowserContext, teams: Teams) -> Iterator[Callable[..., Page]]:
    """Opens a team's tab; at the end nothing may have gone wrong in the browser's console."""
    said: list[str] = []

    def open_page(team: str, tab: str) -> Page:
        page = context.new_page()
        page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{teams.url}/teams/{team}/{tab}")
        expect(page.locator(".tab-panel")).to_be_visible()
        wait_until_live(page)
        return page

    yield open_page
    assert said == []
