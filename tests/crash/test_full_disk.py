"""A disk without room, under a runner that is at work."""

import os
import shutil
import tempfile
from pathlib import Path
from random import Random

import pytest

from tests.crash.lives import Lives
from tests.crash.process import STEADY

pytestmark = pytest.mark.crash


def test_a_disk_that_is_full_for_a_while_costs_nothing_but_time(lives: Lives) -> None:
    child = lives.start(*STEADY)
    child.await_word("ready")
    data = lives.directory / "store" / "data.mdb"
    for room in (0, 50_000, 200_000):
        lives.load.tell(child, "limit", "", bytes=data.stat().st_size + room)
        before = len(lives.ledger.asked)
        while not any("make room" in (asked.error or "") for asked in lives.ledger.asked[before:]):
            lives.load.give(child, 0.1)
            assert not child.ended
        lives.load.give(child, 0.2)
        lives.load.tell(child, "limit", "", bytes=None)
        lives.load.give(child, 0.1)
    lives.bring_to_rest(child)


def test_a_runner_that_is_killed_on_a_full_disk(lives: Lives) -> None:
    for _ in range(3):
        child = lives.start(*STEADY)
        child.await_word("ready")
        size = (lives.directory / "store" / "data.mdb").stat().st_size
        lives.load.tell(child, "limit", "", bytes=size)
        lives.load.give(child, 0.3)
        child.kill()
        lives.check("full")
    lives.end()


@pytest.mark.skipif("RECURSOR_SMALL_DISK" not in os.environ, reason="RECURSOR_SMALL_DISK names no directory")
def test_a_small_disk(tmp_path: Path) -> None:
    """By hand, on a file system of some megabytes: RECURSOR_SMALL_DISK=/mnt/small pytest -k small."""
    disk = Path(tempfile.mkdtemp(dir=os.environ["RECURSOR_SMALL_DISK"]))
    try:
        lives = Lives(disk / "data", Random(1), witnesses=tmp_path)
        lives.begin(*STEADY)
        child = lives.start(*STEADY)
        child.await_word("ready")
        for _ in range(3):
            ballast = disk / "ballast"
            before = len(lives.ledger.asked)
            with ballast.open("wb", buffering=0) as file:
                while not any("make room" in (asked.error or "") for asked in lives.ledger.asked[before:]):
                    fill(file.fileno())
                    lives.load.give(child, 0.05)
                    assert not child.ended
            lives.load.give(child, 0.2)
            ballast.unlink()
            lives.load.give(child, 0.2)
        lives.bring_to_rest(child)
    finally:
        shutil.rmtree(disk)


def fill(file: int) -> None:
    try:
        while os.write(file, bytes(4096)):
            pass
    except OSError:
        return
