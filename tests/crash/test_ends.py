"""Ends that people bring about, and copies that are cut off."""

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from recursor.storage.commit import Commit
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.tables import TABLES
from tests.crash.figures import figures_that_differ
from tests.crash.journal import read_journal
from tests.crash.lives import Lives
from tests.crash.orders import BackUp
from tests.crash.process import JOURNAL, wait_until
from tests.simulation.disk import Disk
from tests.simulation.journal import written

pytestmark = pytest.mark.crash


def test_a_sigterm_under_load_leaves_nothing_half_done(lives: Lives) -> None:
    for _ in range(3):
        child = lives.start()
        child.await_word("ready")
        lives.load.give(child, lives.random.uniform(0.05, 0.4))
        assert child.terminate() == 0
        assert child.has_said("shut_down")
        lives.check("SIGTERM")
    lives.bring_to_rest(lives.start())
    journal, _ = read_journal(lives.witnesses / JOURNAL)
    with lives.store() as store:
        disk = Disk.of(store)
    cancelled = {
        cycle["id"]
        for stack in disk.stacks
        for cycle in disk.executions(stack)
        if cycle["status"] == "cancelled"
    }
    # What an agent returned is on disk, unless its cycle was cancelled by a person.
    lost = [
        written(key)
        for key, returned in journal.returned.items()
        if returned.stack_id in disk.stacks and key[0] not in cancelled
        if disk.nodes[key[:2]]["status"] != "completed"
    ]
    assert lost == []
    assert journal.returned


@pytest.mark.slow
def test_a_kill_during_a_backup_leaves_no_half_of_one(lives: Lives) -> None:
    with closing(LmdbStore(lives.directory / "store", [*TABLES, "ballast"], migrations=MIGRATIONS)) as store:
        for number in range(40):
            commit = Commit()
            commit.put("ballast", b"%d" % number, os.urandom(1 << 20))
            store.write(commit)
    target = lives.directory.parent / "backup"
    child = lives.start()
    child.await_word("ready")
    lives.load.give(child, 0.1)
    lives.load.ask(child, BackUp(target))
    wait_until(lambda: target.exists() or any(has_size(path) for path in unfinished(target)))
    lives.kill(child, "backup")
    if target.exists():
        assert_sound(target)
        shutil.rmtree(target)
    for path in unfinished(target):
        shutil.rmtree(path)
    child = lives.start()
    child.await_word("ready")
    lives.load.give(child, 0.1)
    lives.load.ask(child, BackUp(target))
    lives.await_answers(child)
    assert_sound(target)
    lives.bring_to_rest(child)


def unfinished(target: Path) -> list[Path]:
    return list(target.parent.glob(f".{target.name}.*.unfinished"))


def has_size(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob("data.mdb"))


def assert_sound(target: Path) -> None:
    """A backup is a store of one moment."""
    with closing(open_store(target, read_only=True)) as store:
        disk = Disk.of(store)
        assert list(figures_that_differ(store, disk)) == []
    assert len(disk.stacks) > 1
