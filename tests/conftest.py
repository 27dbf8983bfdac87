"""What the tests of several rooms share."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import memory_store
from recursor.storage.rollups import MERGES
from recursor.storage.store import Store
from recursor.storage.tables import TABLES
from tests.processes import Done, Gated, run_to_end, started_runner


def pytest_configure() -> None:
    """Heed the signals that tests send, to themselves and to their processes.

    Begun in the background of a script, or with nohup, all would inherit that they are ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that look at pages, and skip them, by name, where nothing to look with."""
    missing = pytest.mark.skipif(
        shutil.which("chromium") is None, reason="needs Chromium: on Debian, apt-get install chromium"
    )
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            item.add_marker(missing)


# Not longer than a module: while it lives, no other test of the process can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser, without a page."""
    from tests.browsing import started_browser

    with started_browser() as started:
        yield started


@pytest.fixture(params=["lmdb", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Every kind of store, empty, with the tables of Recursor."""
    lmdb = request.param == "lmdb"
    store: Store = LmdbStore(tmp_path / "store", TABLES, merges=MERGES) if lmdb else memory_store()
    yield store
    store.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def recursor(data: Path) -> Callable[..., Done]:
    """Runs a command on the data directory, in a process of its own."""
    return lambda *arguments, **env: run_to_end(*arguments, data=data, env=env)


@pytest.fixture
def start_runner(data: Path) -> Callable[..., Any]:
    """Starts a runner on the data directory."""
    return lambda *arguments: started_runner(*arguments, data=data)


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    """A started stack whose planner waits, in every runner, until the gate is opened."""
    return Gated(tmp_path)
