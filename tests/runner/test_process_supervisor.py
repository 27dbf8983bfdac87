"""A process that there is to be: begun, replaced, told of and ended."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from recursor import __version__
from recursor.runner import process_supervisor
from recursor.runner.child_process import ChildLog
from recursor.runner.process_supervisor import (
    LONGEST_PAUSE,
    WELL_AFTER,
    ChildSpec,
    Pauses,
    ProcessSupervisor,
)
from recursor.runtime.link import Link
from tests.processes import TIMEOUT

MODULE = "tests.runner.kept_process"


@pytest.fixture(autouse=True)
def _replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_supervisor, "FIRST_PAUSE", 0.01)


class Kept:
    """A process that is kept up, and what is told of it."""

    def __init__(self, directory: Path, wanted: str) -> None:
        self.links: list[tuple[Link, int]] = []
        self.messages: list[object] = []
        self.ended = 0
        self.changes: list[str | None] = []
        self.switch = directory / "switch"
        self.spec = ChildSpec(
            name="test process",
            meanwhile="nothing is tested",
            module=MODULE,
            assignment=(wanted, self.switch),
            log=ChildLog("test", directory, is_kept=True),
            begin=self._begin,
            on_change=self.changes.append,
        )
        self.log = directory / "logs" / "recursor.log"

    def _begin(self, link: Link, pid: int) -> "Kept":
        self.links.append((link, pid))
        return self

    async def take(self, message: Any) -> None:
        self.messages.append(message)

    def end(self) -> None:
        self.ended += 1

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        supervising = asyncio.create_task(ProcessSupervisor(self.spec).run())
        try:
            async with asyncio.timeout(TIMEOUT):
                yield
        finally:
            supervising.cancel()
            await asyncio.wait([supervising])

    async def until(self, condition: Any) -> None:
        while not condition():
            await asyncio.sleep(0.01)


def test_one_that_dies_is_replaced_and_the_last_one_is_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept(tmp_path, "answer")

    async def run() -> None:
        async with kept.up():
            await kept.until(lambda: kept.links)
            kept.links[0][0].send("hello")
            await kept.until(lambda: kept.messages == ["hello"])
            os.kill(kept.links[0][1], signal.SIGKILL)
            await kept.until(lambda: len(kept.links) == 2)
            assert kept.ended == 1

    asyncio.run(run())
    assert kept.ended == 2
    assert not any(psutil.pid_exists(pid) for _, pid in kept.links)
    assert "the test process ended: it ended with code -9: restarting it" in caplog.text
    assert kept.changes == []


def test_why_one_cannot_begin_is_told_once_and_that_it_can_after_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept(tmp_path, "fail unless")
    tried = []

    class Counted(Pauses):
        def after(self, lived: float) -> float:
            tried.append(lived)
            return super().after(lived)

    async def run() -> None:
        async with kept.up():
            await kept.until(lambda: len(tried) == 3)
            kept.switch.touch()
            await kept.until(lambda: kept.links)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_supervisor, "Pauses", Counted)
        asyncio.run(run())
    assert kept.changes == ["ValueError: switch is missing", None]
    complaints = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert complaints == [
        "the test process cannot start: ValueError: switch is missing: retrying at least every 30 s; "
        "meanwhile nothing is tested"
    ]
    assert "the test process has started" in caplog.text
    assert not kept.log.exists()


def test_why_one_ends_is_told_and_logged_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(tmp_path, "answer")

    async def run() -> None:
        async with kept.up():
            await kept.until(lambda: kept.links)
            kept.links[0][0].send("fail")
            await kept.until(lambda: len(kept.links) == 2)

    asyncio.run(run())
    assert "the test process ended: ValueError: as it was told: restarting it" in caplog.text
    assert "this process cannot go on" in kept.log.read_text()
    assert "in _work" in kept.log.read_text()


def test_one_of_another_version_is_not_spoken_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_supervisor, "__version__", "99.1")
    kept = Kept(tmp_path, "answer")

    async def run() -> None:
        async with kept.up():
            await kept.until(lambda: kept.changes)

    asyncio.run(run())
    assert kept.changes == [
        f"the runner has version 99.1, but {__version__} is installed: end the runner and start another"
    ]


def test_a_program_that_is_missing_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    kept = Kept(tmp_path, "answer")

    async def run() -> None:
        async with kept.up():
            await kept.until(lambda: kept.changes)

    asyncio.run(run())
    assert kept.changes == [f"{tmp_path}/none: No such file or directory"]


def test_one_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_supervisor, "FAREWELL_SECONDS", 0.1)
    kept = Kept(tmp_path, "be stuck")

    async def run() -> None:
        async with kept.up():
            await kept.until(lambda: kept.links)

    asyncio.run(run())
    assert not psutil.pid_exists(kept.links[0][1])


@pytest.mark.slow
def test_one_that_is_stuck_ends_when_its_runner_is_killed(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", MODULE, __version__, str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    async def begin() -> None:
        link = await Link.over(ours)
        link.send((ChildLog("test", tmp_path, is_kept=False), ("be stuck", tmp_path)))
        await link.receive()
        link.close()

    asyncio.run(begin())
    assert process.wait(TIMEOUT) == 1


def test_pauses_grow_unless_it_lived_for_long() -> None:
    pauses = Pauses()
    waited = [pauses.after(1.0) for _ in range(20)]
    assert waited[:3] == [process_supervisor.FIRST_PAUSE * 2**time for time in range(3)]
    assert waited[-1] == LONGEST_PAUSE
    assert pauses.after(WELL_AFTER + 1) == waited[0]
