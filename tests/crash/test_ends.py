"""Ends that are no kill, and other processes on the same directory."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.store import Writer
from recursor.storage.tables import TABLES
from tests.crash.evidence import gather
from tests.crash.figures import counters_equal_the_records, rollups_equal_the_records
from tests.crash.invariants import records_are_where_they_belong
from tests.crash.journal import Done, Started, read_journal, run_key
from tests.crash.ledger import Ledger
from tests.crash.lives import Lives
from tests.crash.process import JOURNAL, PATIENCE, STEADY, refusal, wait_until

pytestmark = pytest.mark.crash


def test_a_sigterm_under_load_leaves_nothing_half_done(lives: Lives) -> None:
    killed = len(list(read_journal(lives.witnesses / JOURNAL)))
    for _ in range(4):
        child = lives.start(*STEADY)
        child.await_word("ready")
        lives.load.give(child, lives.random.uniform(0.05, 0.4))
        assert child.terminate() == 0
        assert child.has_said("shut_down")
        lives.check("sigterm")
    lives.end(*STEADY)
    journal = list(read_journal(lives.witnesses / JOURNAL))[killed:]
    with lives.store() as store:
        evidence = gather(store, journal, lives.ledger)
    committed = {run_key(done) for done in evidence.committed}
    cancelled = {e.id for e in evidence.executions if e.status == "cancelled"}
    discarded = [
        run_key(entry)
        for entry in journal
        if isinstance(entry, Done) and entry.stack in evidence.stacks and entry.execution not in cancelled
        if run_key(entry) not in committed
    ]
    # But for what a person's command came in the way of.
    assert [key for key in discarded if not refused(evidence.nodes, key)] == []
    assert any(isinstance(entry, Started) for entry in journal)


def refused(nodes: dict[tuple[str, str], Any], key: str) -> bool:
    execution, role, _ = key.split(".")
    return "is cancelled already" in (nodes[execution, role].note or "")


def test_a_kill_during_a_backup_leaves_no_half_of_one(lives: Lives) -> None:
    with closing(LmdbStore(lives.directory / "store", [*TABLES, "ballast"], migrations=MIGRATIONS)) as store:
        for number in range(40):
            store.write(partial(put_ballast, b"%d" % number))
    target = lives.directory.parent / "backup"
    for _ in range(5):
        child = lives.start(*STEADY)
        child.await_word("ready")
        lives.load.give(child, 0.1)
        lives.load.tell(child, "backup", "", target=str(target))
        wait_until(lambda: target.exists() or any(has_size(path) for path in unfinished(target)))
        child.kill()
        lives.check("backup")
        if target.exists():
            assert_sound(target)
            shutil.rmtree(target)
        for path in unfinished(target):
            shutil.rmtree(path)
    child = lives.start(*STEADY)
    child.await_word("ready")
    lives.load.give(child, 0.1)
    lives.load.tell(child, "backup", "", target=str(target))
    lives.await_answers(child)
    assert_sound(target)
    lives.bring_to_rest(child)


def put_ballast(key: bytes, writer: Writer) -> None:
    writer.put("ballast", key, os.urandom(1 << 20))


def unfinished(target: Path) -> list[Path]:
    return list(target.parent.glob(f".{target.name}.*.unfinished"))


def has_size(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob("data.mdb"))


def assert_sound(target: Path) -> None:
    """A backup is a store of one moment."""
    with closing(open_store(target, read_only=True)) as store:
        evidence = gather(store, [], Ledger())
    checks = (counters_equal_the_records, rollups_equal_the_records, records_are_where_they_belong)
    assert [violation for check in checks for violation in check(evidence)] == []
    assert len(evidence.stacks) > 1


def test_a_second_runner_is_refused_by_the_name_of_the_first(lives: Lives) -> None:
    child = lives.start(*STEADY)
    child.await_word("ready")
    line = refusal(lives.directory)
    assert f"in use by process {child.process.pid} " in line
    lives.load.give(child, 0.1)
    lives.bring_to_rest(child)


WRITES_FOR_EVER = """
import sys
from functools import partial
from pathlib import Path
from recursor.storage.opening import open_store

store = open_store(Path(sys.argv[1]))
print("begun", flush=True)
while True:
    store.write(lambda writer: writer.put("nudges", b"beside", b"nobody"))
"""


def test_a_command_that_is_killed_as_it_writes_holds_up_no_runner(lives: Lives) -> None:
    child = lives.start(*STEADY)
    child.await_word("ready")
    for _ in range(5):
        beside = subprocess.Popen(
            [sys.executable, "-c", WRITES_FOR_EVER, str(lives.directory / "store")], stdout=subprocess.PIPE
        )
        assert beside.stdout is not None
        beside.stdout.readline()
        lives.load.give(child, lives.random.uniform(0.02, 0.1))
        beside.send_signal(signal.SIGKILL)
        beside.wait(PATIENCE)
        beside.stdout.close()
        lives.await_answers(child)
    lives.bring_to_rest(child)


def test_whoever_kills_the_one_that_listens_ends_the_runner_cleanly(lives: Lives) -> None:
    child = lives.start(*STEADY)
    child.await_word("ready")
    lives.load.give(child, 0.2)
    assert child.leave() == 0
    lives.check("left")
    lives.end()
