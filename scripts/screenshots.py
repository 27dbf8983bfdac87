"""Takes the pictures of the dashboard that the documents show: `.venv/bin/python -m scripts.screenshots`.

From a runner of its own, with teams that have just made something. It needs Chromium and the test extra.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"

IDEAS = {
    "Habits": "a habit tracker with a weekly chart and reminders",
    "Recipes": "a recipe box with a meal planner and a shopping list",
    "Budget": "a household budget with monthly charts",
    "Vocabulary": "flashcards for learning Spanish words, with a quiz",
    "Reading": "a reading list with notes and a timer",
    "Garden": "a garden calendar with a watering checklist",
}

# Longer than any of these teams has work to do.
_PATIENCE_SECONDS = 120.0


@contextmanager
def runner(data: Path) -> Iterator[str]:
    """Run a runner on `data` for the length of a `with` block, and yield its address."""
    command = [sys.executable, "-m", "recursor.cli", "run", "--port", "0", "--json", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        try:
            yield str(json.loads(text)["url"])
        finally:
            process.terminate()


def make_teams(url: str) -> dict[str, str]:
    """Have teams make something, and return their ids by name."""
    made: dict[str, str] = {}
    with httpx.Client(base_url=f"{url}/api", timeout=60) as api:
        for name, idea in IDEAS.items():
            stack = api.post("/stacks", json={"name": name, "idea": idea, "start": True}).raise_for_status()
            made[name] = stack.json()["id"]
        for stack_id in made.values():
            _wait_complete(api, stack_id)
        habits = made["Habits"]
        for text in ("Please add a dark mode.", "Looks great! How do I mark yesterday?"):
            api.post(f"/stacks/{habits}/user-messages", json={"sender": "Ann", "content": text})
            _wait_answered(api, habits)
        _wait_complete(api, habits)
        api.post(f"/stacks/{made['Garden']}/pause").raise_for_status()
        api.post(f"/stacks/{made['Reading']}/stop").raise_for_status()
    return made


def _fullest_cycle(url: str, stack_id: str) -> str:
    """Return the id of the cycle with most agents in it."""
    graphs = httpx.get(f"{url}/api/stacks/{stack_id}/graphs", timeout=60).raise_for_status().json()["items"]
    return str(max(graphs, key=lambda graph: len(graph["nodes"]))["id"])


def _wait_complete(api: httpx.Client, stack_id: str) -> None:
    _wait(lambda: _stack(api, stack_id)["stack"]["phase"] == "complete")


def _wait_answered(api: httpx.Client, stack_id: str) -> None:
    _wait(lambda: _stack(api, stack_id)["unanswered"] == 0)


def _stack(api: httpx.Client, stack_id: str) -> Any:
    return api.get(f"/stacks/{stack_id}").raise_for_status().json()


def _wait(condition: Any) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the teams did not finish")
        time.sleep(0.2)


def take(page: Page, url: str, name: str, height: int) -> None:
    """Save what a page looks like once it is all there."""
    page.set_viewport_size({"width": 1280, "height": height})
    page.goto(url)
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("networkidle")
    # Charts draw themselves in.
    page.wait_for_timeout(2_000)
    page.screenshot(path=IMAGES / name)


def main() -> None:
    """Make teams and take all pictures."""
    with tempfile.TemporaryDirectory() as folder, runner(Path(folder) / "data") as url:
        teams = make_teams(url)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(locale="en-GB", color_scheme="light")
            take(page, url, "dashboard-home.png", 760)
            team = f"{url}/teams/{teams['Habits']}"
            take(page, team, "dashboard-team.png", 1_150)
            take(page, f"{team}?cycle={_fullest_cycle(url, teams['Habits'])}", "dashboard-cycle.png", 860)
            browser.close()


if __name__ == "__main__":
    main()
