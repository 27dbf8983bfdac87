"""The process that answers a query: what it is given, and that it never stays."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from recursor.domain.process_settings import SqlSettings
from recursor.storage.sql import process

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 1"


def children() -> set[str]:
    """Return this process's children; other tests may have left some."""
    found: set[str] = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # the thread has ended
            found.update((thread / "children").read_text().split())
    return found


def test_the_process_knows_no_secrets_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECURSOR_TOKEN", "secret")
    assert set(process._environment()) == {"PYTHONPATH"}


def test_a_process_leaves_nothing_behind(tmp_path: Path) -> None:
    before = children()
    answer = process.ask(tmp_path / "store", "SELECT count(*) FROM todos", SqlSettings())
    found = json.loads(asyncio.run(answer))
    assert found["rows"] == [[0]]
    assert list(tmp_path.iterdir()) == []
    assert children() == before


def test_a_query_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    before = children()

    async def give_up() -> None:
        asked = asyncio.create_task(process.ask(tmp_path / "store", ENDLESS, SqlSettings(seconds=3600)))
        while children() == before:
            await asyncio.sleep(0.01)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked

    asyncio.run(give_up())
    assert children() == before
