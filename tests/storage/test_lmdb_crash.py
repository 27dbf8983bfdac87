"""What is left after a kill, and after a full disk."""

import json
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.store import FENCES

KILLED = """
import os, sys, threading
from pathlib import Path
from recursor.storage.commit import Commit, Fence
from recursor.storage.lmdb_store import LmdbStore

def log(key, stored, operands):
    return (stored or b"") + b"".join(operands)

tables = ["first", "second", "sums"]
store = LmdbStore(Path(sys.argv[1]), tables, merges={"sums": log}, initial_map_bytes=1 << 16)
start = int(sys.argv[2])
store.write(Commit(Fence("stack", start + 1)))

def fill(commit, key):
    commit.put("first", key, os.urandom(300))
    commit.put("second", key, b"")
    commit.add("sums", b"log", key)

def run(thread):
    number = start
    while True:
        key = b"%d-%09d" % (thread, number)
        both = Commit(Fence("stack", start + 1))
        fill(both, key)
        for refused in (Commit(Fence("stack", start)), Commit()):
            fill(refused, key)
            refused.put("first", b"never" + key, b"")
            if refused.fence is None:
                refused.delete("third", key)
            store.commit(refused, lambda error: None)
        written = threading.Event()

        def done(error):
            assert error is None
            os.write(1, key + b"\\n")
            written.set()

        store.commit(both, done)
        written.wait()
        number += 1

for thread in range(6):
    threading.Thread(target=run, args=(thread,)).start()
"""


@pytest.mark.crash
@pytest.mark.parametrize("lives", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_every_acknowledged_commit_survives_a_kill_and_every_commit_is_whole(
    tmp_path: Path, lives: int
) -> None:
    acknowledged: set[bytes] = set()
    for life in range(lives):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), str(life * 1_000_000)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(random.randrange(1, 1500)):
            line = process.stdout.readline()
            assert line, "the process ended before it was killed"
            acknowledged.add(line.strip())
        process.kill()
        # A line cut short by the kill was not read as an acknowledgement by anybody.
        acknowledged.update(
            line.strip() for line in process.stdout.read().splitlines(True) if line[-1:] == b"\n"
        )
        process.stdout.close()
        process.wait()

        with closing(LmdbStore(tmp_path, ["first", "second", "sums"])) as store, store.read() as reader:
            first = [key for key, _ in reader.scan("first")]
            second = [key for key, _ in reader.scan("second")]
            log, fence = reader.get("sums", b"log"), reader.get(FENCES, b"stack")
        assert acknowledged <= set(first)
        assert first == second
        # Each key is as long as the others, and none is in the sum twice.
        assert sorted((log or b"")[at : at + 11] for at in range(0, len(log or b""), 11)) == first
        assert fence == (life * 1_000_000 + 1).to_bytes(8)


FULL = """
import json, resource, sys
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from recursor.storage.commit import Commit
from recursor.storage.errors import StorageFullError
from recursor.storage.lmdb_store import LmdbStore

def putting(key):
    commit = Commit()
    commit.put("table", key, b"v" * 2000)
    return commit

with closing(LmdbStore(Path(sys.argv[1]), ["table"])) as store:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
    written, error = 0, None
    while error is None:
        try:
            store.write(putting(b"%09d" % written))
            written += 1
        except StorageFullError as full:
            error = full

    batch = [Future() for _ in range(100)]

    def gather(_):
        # On the writer thread: all of these are in its next batch.
        for number, future in enumerate(batch):
            store.commit(putting(b"b%d" % number), future.set_result)

    store.commit(Commit(), gather)
    failed = [isinstance(future.result(), StorageFullError) for future in batch]

    with store.read() as reader:
        readable = sum(1 for _ in reader.scan("table"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for number in range(100):
        store.write(putting(b"c%d" % number))
    with store.read() as reader:
        after = sum(1 for _ in reader.scan("table"))
    print(json.dumps([written, str(error), failed, readable, after]))
"""


@pytest.mark.crash
@pytest.mark.parametrize(
    "limit", [1_003_333, *(pytest.param(limit, marks=pytest.mark.slow) for limit in (200_000, 1_000_000))]
)
def test_a_full_disk_fails_what_is_at_hand_and_nothing_before_or_after(tmp_path: Path, limit: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), str(limit)], capture_output=True, text=True, check=True
    )
    written, error, failed, readable, after = json.loads(done.stdout)
    assert written > 20
    assert error.startswith(str(tmp_path))
    assert "nothing of this was written: make room" in error
    assert failed == [True] * 100
    assert readable == written
    assert after == written + 100
    with closing(LmdbStore(tmp_path, ["table"])) as store, store.read() as reader:
        assert sum(1 for _ in reader.scan("table")) == after
