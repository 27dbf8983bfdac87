"""Looking at pages in a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.processes import TIMEOUT

CHROMIUM = shutil.which("chromium")

# Milliseconds. Generous: the machine may be slow, and busy with other tests.
PATIENCE = TIMEOUT * 1000


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A browser that asks nobody for anything by itself."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync", "--no-first-run"],
        )  # fmt: skip
        yield started
        started.close()


def wait_until_live(page: Page) -> None:
    """Wait for when what happens is told to a page of the dashboard, and what is pressed there is heard."""
    page.wait_for_function("() => window.did_handshake === true")


def reload(page: Page) -> None:
    """Load a page of the dashboard again, until it is live."""
    page.reload()
    wait_until_live(page)


def serious_violations(page: Page, **options: Any) -> list[str]:
    """What axe finds that keeps people out; `options` are its own."""
    found = Axe().run(page, options=options or None).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
        # Quasar's bar over a page that loads has no name; it is there for a moment.
        if "q-loading-bar" not in node["html"]
    ]
