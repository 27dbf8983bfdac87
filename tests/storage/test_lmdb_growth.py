"""A full map is never anybody's trouble."""

import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from recursor.storage import lmdb_environment
from recursor.storage.commit import Commit
from recursor.storage.errors import StoreUsageError
from recursor.storage.lmdb_store import LmdbStore
from tests.storage.conftest import MERGES

TINY = 1 << 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LmdbStore]:
    opened = LmdbStore(tmp_path / "store", ["table", "sums"], merges=MERGES, initial_map_bytes=TINY)
    with closing(opened) as store:
        yield store


def putting(size: int, *numbers: int) -> Commit:
    """Return a commit that puts a value of `size` bytes at each of `numbers`."""
    commit = Commit()
    for number in numbers:
        commit.put("table", b"%06d" % number, b"v" * size)
    return commit


def committed(store: LmdbStore, commit: Commit) -> "Future[BaseException | None]":
    future: Future[BaseException | None] = Future()
    store.commit(commit, future.set_result)
    return future


def count(store: LmdbStore) -> int:
    with store.read() as reader:
        return sum(1 for _ in reader.scan("table"))


def test_one_commit_may_be_larger_than_the_map(store: LmdbStore) -> None:
    store.write(putting(1000, *range(2000)))
    assert count(store) == 2000


def test_one_value_may_be_larger_than_the_map(store: LmdbStore) -> None:
    store.write(putting(100 * TINY, 0))
    with store.read() as reader:
        assert reader.get("table", b"000000") == b"v" * (100 * TINY)


def test_a_batch_that_fills_the_map_is_applied_once(store: LmdbStore) -> None:
    ended = []
    for number in range(100):
        commit = putting(20_000, number)
        commit.add("sums", b"log", b"%d " % number)
        ended.append(committed(store, commit))
    assert [each.result() for each in ended] == [None] * 100
    assert count(store) == 100
    with store.read() as reader:
        assert reader.get("sums", b"log") == b"".join(b"%d " % number for number in range(100))


def test_readers_never_notice(store: LmdbStore) -> None:
    written = threading.Semaphore(0)

    def read() -> None:
        for _ in range(200):
            written.acquire()
            with store.read() as outer:
                number = int(outer.get("table", b"count") or b"0")
                with store.read() as inner:
                    assert int(inner.get("table", b"count") or b"0") >= number
                assert outer.get("table", b"%06d" % number) == b"v" * 20_000
                assert sum(1 for _ in outer.scan("table", b"0", b"9")) == number

    with ThreadPoolExecutor(3) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        for number in range(1, 201):
            pair = putting(20_000, number)
            pair.put("table", b"count", b"%d" % number)
            store.write(pair)
            written.release(3)
        for reader in readers:
            reader.result()
    assert count(store) == 201


def test_a_growth_that_waits_for_a_snapshot_does_not_block_a_read_inside_it(store: LmdbStore) -> None:
    store.write(putting(10, 0))
    with store.read() as outer:
        growing = committed(store, putting(50 * TINY, 1))
        for _ in range(1000):
            with store.read() as inner:
                assert inner.get("table", b"000000") == b"v" * 10
        assert not growing.done()
        assert outer.get("table", b"000001") is None
    assert growing.result() is None
    assert count(store) == 2


def test_the_map_grows_before_it_is_full_so_that_no_snapshot_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_environment, "COMMITS_PER_CHECK", 1)
    with closing(LmdbStore(tmp_path / "larger", ["table"], initial_map_bytes=1_000_000)) as store:
        store.write(putting(800_000, 0))
        with store.read():
            assert committed(store, putting(800_000, 1)).result(timeout=60) is None
        assert count(store) == 2


def test_space_that_was_freed_is_used_again(store: LmdbStore, tmp_path: Path) -> None:
    for number in range(300):
        store.write(putting(20_000, number % 3))
    assert (tmp_path / "store" / "data.mdb").stat().st_size < 10 * TINY


OTHER_PROCESS = """
import sys
from contextlib import closing
from pathlib import Path
from recursor.storage.commit import Commit
from recursor.storage.lmdb_store import LmdbStore

commit = Commit()
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    commit.put("table", b"%06d" % number, b"v" * 10_000)
with closing(LmdbStore(Path(sys.argv[1]), ["table"], initial_map_bytes=1 << 16)) as store:
    store.write(commit)
"""


def fill_in_another_process(directory: Path, start: int, stop: int) -> None:
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, str(directory), str(start), str(stop)], check=True)


class TestAnotherProcess:
    def test_its_growth_is_followed_by_a_reader(self, store: LmdbStore, tmp_path: Path) -> None:
        fill_in_another_process(tmp_path / "store", 0, 500)
        assert count(store) == 500

    def test_its_growth_is_followed_by_the_writer(self, store: LmdbStore, tmp_path: Path) -> None:
        fill_in_another_process(tmp_path / "store", 0, 500)
        store.write(putting(100, 500))
        fill_in_another_process(tmp_path / "store", 501, 1500)
        store.write(putting(100, 1500))
        assert count(store) == 1501

    def test_its_growth_is_followed_by_a_backup(self, store: LmdbStore, tmp_path: Path) -> None:
        fill_in_another_process(tmp_path / "store", 0, 500)
        store.backup(tmp_path / "backup")
        with closing(LmdbStore(tmp_path / "backup", ["table"])) as backup:
            assert count(backup) == 500

    def test_its_growth_is_followed_by_many_readers_at_once(self, store: LmdbStore, tmp_path: Path) -> None:
        for number in range(1, 6):
            fill_in_another_process(tmp_path / "store", 0, 300 * number)
            with ThreadPoolExecutor(6) as threads:
                assert list(threads.map(count, [store] * 30)) == [300 * number] * 30

    def test_a_read_inside_a_read_cannot_follow_and_says_so(self, store: LmdbStore, tmp_path: Path) -> None:
        with store.read() as outer:
            fill_in_another_process(tmp_path / "store", 0, 500)
            with pytest.raises(StoreUsageError, match="end the outer read"), store.read():
                pass
            assert list(outer.scan("table")) == []
        assert count(store) == 500


LIMITED = """
import resource, sys
from contextlib import closing
from pathlib import Path
from recursor.storage import lmdb_environment
from recursor.storage.commit import Commit
from recursor.storage.errors import StorageFullError
from recursor.storage.lmdb_store import LmdbStore

def put(key, value):
    commit = Commit()
    commit.put("table", key, value)
    store.write(commit)

with closing(LmdbStore(Path(sys.argv[1]), ["table"], initial_map_bytes=1 << 20)) as store:
    put(b"kept", b"value")
    pages = int(open("/proc/self/statm").read().split()[0])
    limit = pages * resource.getpagesize() + (100 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        for number in range(100):
            put(b"%d" % number, b"v" * 5_000_000)
    except StorageFullError as error:
        print(error)
    with store.read() as reader:
        assert reader.get("table", b"kept") == b"value"
        assert reader.get("table", b"%d" % number) is None
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    put(b"%d" % number, b"v" * 5_000_000)
"""


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists() or not hasattr(resource, "RLIMIT_AS"), reason="needs Linux"
)
def test_no_address_space_left_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "address space" in done.stdout
    assert str(tmp_path) in done.stdout
