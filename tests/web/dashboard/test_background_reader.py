"""What is read beside the event loop is shown in the order in which it was wanted."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from recursor.web.dashboard.background_reader import BackgroundReader

GONE: Any = SimpleNamespace(is_deleted=True)
THERE: Any = SimpleNamespace(is_deleted=False)


class Reading:
    """Something to read that takes as long as it is let."""

    def __init__(self, owner: Any = THERE) -> None:
        self.wanted = ""
        self.shown: list[str] = []
        self.begun, self.let = threading.Semaphore(0), threading.Semaphore(0)
        self.beside = BackgroundReader(owner, self._read, self.shown.append)

    def _read(self) -> str:
        wanted = self.wanted
        self.begun.release()
        assert self.let.acquire(timeout=180)
        return wanted

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=180)


def test_others_are_served_while_it_is_read_and_the_last_wish_is_shown_last() -> None:
    async def work() -> None:
        reading.wanted = "first"
        first = asyncio.create_task(reading.beside.refresh())
        await reading.until_begun()
        # The loop goes on, and more is wished for; what was wished for in between is not read.
        for reading.wanted in ("second", "third"):
            others.append(asyncio.create_task(reading.beside.refresh()))
            await asyncio.sleep(0)
        reading.let.release(2)
        await asyncio.gather(first, *others)

    reading, others = Reading(), list[Any]()
    asyncio.run(work())
    assert reading.shown == ["first", "third"]


def test_nothing_is_shown_where_nobody_looks_any_more() -> None:
    reading = Reading(GONE)
    reading.let.release()
    asyncio.run(reading.beside.refresh())
    assert reading.shown == []


def test_what_could_not_be_read_can_be_read_again() -> None:
    def fail() -> None:
        raise TimeoutError

    beside = BackgroundReader(THERE, fail, lambda _: None)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            asyncio.run(beside.refresh())


def test_what_only_the_runner_knows_is_asked_before_it_is_shown() -> None:
    async def complete(found: str) -> str:
        await asyncio.sleep(0)
        return f"{found}, as the runner says"

    shown: list[str] = []
    reader = BackgroundReader(THERE, lambda: "in the store", shown.append, complete)
    reader.show_now()
    asyncio.run(reader.refresh())
    assert shown == ["in the store", "in the store, as the runner says"]
