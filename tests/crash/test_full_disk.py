"""A disk without room, under a runner that is at work."""

import os
import shutil
import tempfile
from pathlib import Path
from random import Random

import pytest

from tests.crash.lives import Lives
from tests.crash.orders import LimitFiles
from tests.crash.process import Child

pytestmark = pytest.mark.crash


def test_a_disk_that_is_full_for_a_while_costs_nothing_but_time(lives: Lives) -> None:
    child = lives.start()
    child.await_word("ready")
    data = lives.directory / "store" / "data.mdb"
    for room in (0, 50_000, 200_000):
        lives.load.ask(child, LimitFiles(data.stat().st_size + room))
        before = times_refused(child)
        while times_refused(child) == before:
            lives.load.give(child, 0.1)
            assert not child.ended
        lives.load.give(child, 0.2)
        lives.load.ask(child, LimitFiles(None))
        lives.load.give(child, 0.1)
    lives.bring_to_rest(child)


@pytest.mark.slow
def test_a_runner_that_is_killed_on_a_full_disk(lives: Lives) -> None:
    child = lives.start()
    child.await_word("ready")
    size = (lives.directory / "store" / "data.mdb").stat().st_size
    lives.load.ask(child, LimitFiles(size))
    while not times_refused(child):
        lives.load.give(child, 0.1)
    lives.kill(child, "full disk")
    lives.bring_to_rest(lives.start())


@pytest.mark.skipif("RECURSOR_SMALL_DISK" not in os.environ, reason="RECURSOR_SMALL_DISK names no directory")
def test_a_small_disk(tmp_path: Path) -> None:
    """By hand, on a file system of some megabytes: RECURSOR_SMALL_DISK=/mnt/small pytest -k small."""
    disk = Path(tempfile.mkdtemp(dir=os.environ["RECURSOR_SMALL_DISK"]))
    try:
        lives = Lives(disk / "data", Random(1), witnesses=tmp_path)
        lives.begin()
        child = lives.start()
        child.await_word("ready")
        for _ in range(3):
            ballast = disk / "ballast"
            before = times_refused(child)
            with ballast.open("wb", buffering=0) as file:
                while times_refused(child) == before:
                    fill(file.fileno())
                    lives.load.give(child, 0.05)
                    assert not child.ended
            lives.load.give(child, 0.2)
            ballast.unlink()
            lives.load.give(child, 0.2)
        lives.bring_to_rest(child)
    finally:
        shutil.rmtree(disk)


def times_refused(child: Child) -> int:
    """How often something was not done because the disk is full."""
    return sum("make room" in error for error in child.refused_for)


def fill(file: int) -> None:
    try:
        while os.write(file, bytes(4096)):
            pass
    except OSError:
        return
