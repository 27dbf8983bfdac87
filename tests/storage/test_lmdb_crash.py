"""What is left after a kill, and after a full disk."""

import json
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from recursor.storage.lmdb_store import LmdbStore

KILLED = """
import os, sys, threading
from pathlib import Path
from recursor.storage.lmdb_store import LmdbStore

store = LmdbStore(Path(sys.argv[1]), ["first", "second"], initial_map_bytes=1 << 16)
start = int(sys.argv[2])

def both(writer, key):
    writer.put("first", key, os.urandom(300))
    writer.put("second", key, b"")

def fails(writer, key):
    writer.put("first", b"never" + key, b"")
    raise ValueError

def run(thread):
    number = start
    while True:
        key = b"%d-%09d" % (thread, number)
        store.submit(lambda writer: fails(writer, key))
        written = store.submit(lambda writer: both(writer, key))
        written.add_done_callback(lambda _: os.write(1, key + b"\\n"))
        written.result()
        number += 1

for thread in range(6):
    threading.Thread(target=run, args=(thread,)).start()
"""


@pytest.mark.crash
def test_every_acknowledged_write_survives_a_kill_and_every_submission_is_whole(tmp_path: Path) -> None:
    acknowledged: set[bytes] = set()
    for life in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), str(life * 1_000_000)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(random.randrange(1, 1500)):
            acknowledged.add(process.stdout.readline().strip())
        process.kill()
        # A line cut short by the kill was not read as an acknowledgement by anybody.
        acknowledged.update(
            line.strip() for line in process.stdout.read().splitlines(True) if line[-1:] == b"\n"
        )
        process.stdout.close()
        process.wait()

        with closing(LmdbStore(tmp_path, ["first", "second"])) as store, store.read() as reader:
            first = [key for key, _ in reader.scan("first")]
            second = [key for key, _ in reader.scan("second")]
        assert acknowledged <= set(first)
        assert first == second


FULL = """
import json, resource, sys, threading
from contextlib import closing
from pathlib import Path
from recursor.storage.errors import StorageFullError
from recursor.storage.lmdb_store import LmdbStore

def put(writer, key):
    writer.put("table", key, b"v" * 2000)

with closing(LmdbStore(Path(sys.argv[1]), ["table"])) as store:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
    written, error = 0, None
    while error is None:
        try:
            store.write(lambda writer: put(writer, b"%09d" % written))
            written += 1
        except StorageFullError as full:
            error = full

    blocked, go = threading.Event(), threading.Event()
    store.submit(lambda _: (blocked.set(), go.wait()))
    blocked.wait()
    batch = [store.submit(lambda writer, n=number: put(writer, b"b%d" % n)) for number in range(100)]
    go.set()
    failed = [isinstance(future.exception(), StorageFullError) for future in batch]

    with store.read() as reader:
        readable = sum(1 for _ in reader.scan("table"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for number in range(100):
        store.write(lambda writer: put(writer, b"c%d" % number))
    with store.read() as reader:
        after = sum(1 for _ in reader.scan("table"))
    print(json.dumps([written, str(error), failed, readable, after]))
"""


@pytest.mark.crash
@pytest.mark.parametrize("limit", [200_000, 1_000_000, 1_003_333])
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
