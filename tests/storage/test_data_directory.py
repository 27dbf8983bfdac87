"""One runner holds a data directory, and everybody can learn which."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recursor.storage.data_directory import LOCK_FILE, DataDirectoryLock, holder, named_in
from recursor.storage.errors import DirectoryInUseError, StorageError

STARTED = datetime(2026, 3, 1, 12, 30, 45, tzinfo=UTC)

RUNNER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from recursor.storage.data_directory import DataDirectoryLock
lock = DataDirectoryLock(Path(sys.argv[1]), started_at=datetime(2026, 3, 1, 12, 30, 45, tzinfo=UTC))
print("held", flush=True)
sys.stdin.read()
"""


def start_runner(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_holder_is_named_to_everybody(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path, started_at=STARTED) as lock:
        found = holder(tmp_path)
        assert found is not None
        assert (found.pid, found.host, found.started_at) == (os.getpid(), socket.gethostname(), STARTED)
        assert found.details == {}
        lock.update(url="http://localhost:8080", stacks=3)
        lock.update(stacks=4)
        found = holder(tmp_path)
        assert found is not None
        assert found.details == {"url": "http://localhost:8080", "stacks": 4}


def test_the_directory_is_made(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path / "a" / "b", started_at=STARTED):
        assert holder(tmp_path / "a" / "b") is not None


def test_a_second_runner_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    with start_runner(tmp_path) as process:
        with pytest.raises(DirectoryInUseError) as error:
            DataDirectoryLock(tmp_path, started_at=STARTED)
        assert str(error.value) == (
            f"{tmp_path}: in use by process {process.pid} on {socket.gethostname()} since "
            "2026-03-01T12:30:45+00:00: stop that one, or name another directory"
        )


def test_a_second_lock_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path, started_at=STARTED):
        with pytest.raises(DirectoryInUseError, match=f"process {os.getpid()}"):
            DataDirectoryLock(tmp_path, started_at=STARTED)
        found = holder(tmp_path)
        assert found is not None


def test_it_is_free_after_its_release(tmp_path: Path) -> None:
    lock = DataDirectoryLock(tmp_path, started_at=STARTED)
    lock.release()
    lock.release()
    assert holder(tmp_path) is None
    with pytest.raises(StorageError, match="no longer holds"):
        lock.update(url="http://localhost")
    DataDirectoryLock(tmp_path, started_at=STARTED).release()


@pytest.mark.crash
def test_it_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    with start_runner(tmp_path) as process:
        assert holder(tmp_path) is not None
        process.kill()
    assert holder(tmp_path) is None
    with DataDirectoryLock(tmp_path, started_at=STARTED):
        found = holder(tmp_path)
        assert found is not None
        assert found.pid == os.getpid()


def test_what_a_dead_holder_left_names_nobody(tmp_path: Path) -> None:
    record = {"pid": 1, "host": "elsewhere", "started_at": STARTED.isoformat(), "note": "x" * 4000}
    (tmp_path / LOCK_FILE).write_text(json.dumps(record))
    assert holder(tmp_path) is None
    with DataDirectoryLock(tmp_path, started_at=STARTED):
        found = holder(tmp_path)
        assert found is not None
        assert found.details == {}


def test_nobody_holds_what_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert holder(tmp_path) is None
    assert holder(tmp_path / "none") is None
    assert holder(tmp_path / "file") is None


def test_looking_never_refuses_a_runner(tmp_path: Path) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            holder(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(20):
            DataDirectoryLock(tmp_path, started_at=STARTED).release()
    finally:
        stop.set()
        thread.join()


def test_a_record_is_never_seen_half(tmp_path: Path) -> None:
    stop = threading.Event()

    def keep_updating(lock: DataDirectoryLock) -> None:
        number = 0
        while not stop.is_set():
            lock.update(first=number, filling="x" * (number % 3000), last=number)
            number += 1

    with DataDirectoryLock(tmp_path, started_at=STARTED) as lock:
        thread = threading.Thread(target=keep_updating, args=(lock,))
        thread.start()
        try:
            for _ in range(1000):
                found = holder(tmp_path)
                assert found is not None
                assert found.details.get("first") == found.details.get("last")
        finally:
            stop.set()
            thread.join()


def test_a_record_of_which_half_was_seen_is_none(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path, started_at=STARTED) as lock:
        lock.update(first=1, last=1)
        path = tmp_path / LOCK_FILE
        path.write_text(path.read_text().replace('"last": 1', '"last": 2'))
        assert named_in(tmp_path) is None


def test_a_record_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path, started_at=STARTED) as lock:
        with pytest.raises(StorageError, match="don't fit in 4096"):
            lock.update(note="x" * 5000)
        lock.update(url="http://localhost")
        found = holder(tmp_path)
        assert found is not None
        assert found.details == {"url": "http://localhost"}


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match=f"{tmp_path}/file: can't be used as a data directory"):
        DataDirectoryLock(tmp_path / "file", started_at=STARTED)


def test_a_directory_that_cannot_be_written_can_be_looked_at(tmp_path: Path) -> None:
    script = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from recursor.storage.data_directory import DataDirectoryLock, holder
from recursor.storage.errors import StorageError
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
directory = Path(sys.argv[1])
print(holder(directory).pid)
try:
    DataDirectoryLock(directory, started_at=datetime.now(UTC))
except StorageError as error:
    print(error)
"""
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with DataDirectoryLock(directory, started_at=STARTED):
            (directory / LOCK_FILE).chmod(0o444)
            directory.chmod(0o555)
            done = subprocess.run(
                [sys.executable, "-c", script, name], capture_output=True, text=True, check=True
            )
        directory.chmod(0o755)
    pid, refused = done.stdout.splitlines()
    assert pid == str(os.getpid())
    assert refused.startswith(f"{name}: can't be used as a data directory: Permission denied")
