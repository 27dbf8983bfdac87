"""What an operator reads when a store can't be opened, and who may open it."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from recursor.storage import lmdb_files
from recursor.storage.commit import Commit
from recursor.storage.errors import (
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StoreUsageError,
    UnknownTableError,
)
from recursor.storage.lmdb_store import LmdbStore
from tests.storage.conftest import putting


def filling() -> Commit:
    return putting(*(b"%04d" % number for number in range(1000)), table="table", value=b"v" * 100)


def make(path: Path) -> Path:
    with closing(LmdbStore(path, ["table"])) as store:
        store.write(filling())
    return path


def only_line(error: pytest.ExceptionInfo[StorageError], path: Path) -> str:
    """Return the error's text, which is one line that begins with the path."""
    text = str(error.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


def test_the_directory_is_made(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "data.mdb").exists()


def test_the_files_are_their_owners(tmp_path: Path) -> None:
    make(tmp_path / "store")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "store").iterdir()} == {0}


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with closing(LmdbStore(make(tmp_path), ["table", "later"])) as store, store.read() as reader:
        assert sum(1 for _ in reader.scan("table")) == 1000
        assert list(reader.scan("later")) == []


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(StorageError) as error:
        LmdbStore(path, ["table"])
    assert "name a directory" in only_line(error, path)
    with pytest.raises(StorageError) as error:
        LmdbStore(path / "store", ["table"])
    assert "name a directory" in only_line(error, path)
    assert path.read_text() == "mine"


def test_no_store_to_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as error:
        LmdbStore(tmp_path / "none", ["table"], read_only=True)
    assert "no store here" in only_line(error, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "content", [b"garbage", b"garbage" * 10_000, b"\0" * 8192, b"SQLite format 3\0" + b"\0" * 5000]
)
def test_a_file_that_is_no_store(tmp_path: Path, content: bytes, read_only: bool) -> None:
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(StorageCorruptError) as error:
        LmdbStore(tmp_path, ["table"], read_only=read_only)
    assert "not a store, or a damaged one" in only_line(error, tmp_path)
    assert (tmp_path / "data.mdb").read_bytes() == content


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("left", [1000, 4096, 5000, 8192, 9000, 0.5, 0.9])
def test_a_file_that_was_cut_short(tmp_path: Path, left: float, read_only: bool) -> None:
    data = make(tmp_path) / "data.mdb"
    os.truncate(data, int(left * data.stat().st_size) if left < 1 else int(left))
    with pytest.raises(StorageCorruptError, match=r"damaged.*restore a backup"):
        LmdbStore(tmp_path, ["table"], read_only=read_only)


def test_a_file_whose_last_pages_are_free_may_be_shorter(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(LmdbStore(tmp_path, ["table"])) as store:
        commit = Commit()
        commit.delete_range("table", b"0005", None)
        store.write(commit)
        # Each of these moves what is left to lower pages, which the deletion freed.
        for _ in range(10):
            store.write(putting(b"0000", table="table", value=b""))
    with (tmp_path / "data.mdb").open("r+b") as data:
        os.truncate(data.fileno(), data.seek(0, os.SEEK_END) - 4096)
    with closing(LmdbStore(tmp_path, ["table"])) as store, store.read() as reader:
        assert sum(1 for _ in reader.scan("table")) == 5


def test_a_file_of_another_version_of_lmdb(tmp_path: Path) -> None:
    data = make(tmp_path) / "data.mdb"
    with data.open("r+b") as file:
        for page in (0, 4096):
            # After the page's header of 16 bytes: the magic number, then the version.
            file.seek(page + 16 + 4)
            file.write(struct.pack("=I", 999))
    with pytest.raises(StorageCorruptError) as error:
        LmdbStore(tmp_path, ["table"])
    assert "another version of LMDB" in only_line(error, tmp_path)


def test_opening_twice_in_a_process(tmp_path: Path) -> None:
    with closing(LmdbStore(tmp_path, ["table"])) as store:
        with pytest.raises(StorageError) as error:
            LmdbStore(tmp_path, ["table"])
        assert "already open in this process" in only_line(error, tmp_path)
        store.write(filling())


def test_opening_twice_does_not_harm_a_snapshot_of_the_first(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from recursor.storage.commit import Commit
from recursor.storage.lmdb_store import LmdbStore
store = LmdbStore(Path(sys.argv[1]), ["table"])
for _ in range(20):
    for number in range(1000):
        commit = Commit()
        commit.put("table", b"%04d" % number, b"w" * 100)
        store.commit(commit, lambda error: None)
    store.write(Commit())
"""
    with closing(LmdbStore(make(tmp_path), ["table"])) as store, store.read() as reader:
        with pytest.raises(StorageError, match="already open"):
            LmdbStore(tmp_path, ["table"])
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
        assert {value for _, value in reader.scan("table")} == {b"v" * 100}


def test_opening_after_closing(tmp_path: Path) -> None:
    for _ in range(3):
        make(tmp_path)


def test_the_lock_file_has_its_place_on_the_disk(tmp_path: Path) -> None:
    with closing(LmdbStore(tmp_path, ["table"])):
        status = (tmp_path / "lock.mdb").stat()
        assert status.st_blocks * 512 >= status.st_size > 64 * 1023


def test_no_place_for_the_lock_file_is_an_error_and_not_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", fail)
    with pytest.raises(StorageFullError) as error:
        LmdbStore(tmp_path, ["table"])
    assert "make room" in only_line(error, tmp_path)


class TestReadOnly:
    def test_it_reads_while_another_process_writes(self, tmp_path: Path) -> None:
        script = """
import sys
from pathlib import Path
from recursor.storage.lmdb_store import LmdbStore
store = LmdbStore(Path(sys.argv[1]), ["table"], read_only=True)
for line in sys.stdin:
    with store.read() as reader:
        print(sum(1 for _ in reader.scan("table")), flush=True)
"""
        with closing(LmdbStore(tmp_path, ["table"])) as store:
            reader = subprocess.Popen(
                [sys.executable, "-c", script, str(tmp_path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert reader.stdin is not None
            assert reader.stdout is not None
            for number in range(5):
                store.write(putting(b"%d" % number, table="table", value=b""))
                reader.stdin.write("\n")
                reader.stdin.flush()
                assert int(reader.stdout.readline()) == number + 1
            reader.communicate()

    def test_it_cannot_write(self, tmp_path: Path) -> None:
        with closing(LmdbStore(make(tmp_path), ["table"], read_only=True)) as store:
            with pytest.raises(StoreUsageError, match="open only for reading"):
                store.commit(filling(), print)
            with pytest.raises(StoreUsageError, match="open only for reading"):
                store.write(filling())

    def test_a_table_that_does_not_exist_is_empty_and_one_not_asked_for_is_unknown(
        self, tmp_path: Path
    ) -> None:
        with (
            closing(LmdbStore(make(tmp_path), ["later"], read_only=True)) as store,
            store.read() as reader,
        ):
            assert reader.get("later", b"a") is None
            assert list(reader.scan("later")) == []
            with pytest.raises(UnknownTableError):
                reader.get("table", b"0001")

    def test_it_can_be_backed_up(self, tmp_path: Path) -> None:
        with closing(LmdbStore(make(tmp_path / "store"), ["table"], read_only=True)) as store:
            store.backup(tmp_path / "backup")
        with closing(LmdbStore(tmp_path / "backup", ["table"])) as copy, copy.read() as reader:
            assert sum(1 for _ in reader.scan("table")) == 1000


class TestPermissions:
    """As a user whom permissions bind, which root is not."""

    SCRIPT = """
import os, sys
from pathlib import Path
from recursor.storage.errors import StorageError
from recursor.storage.lmdb_store import LmdbStore
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store = LmdbStore(Path(sys.argv[1]), ["table"], read_only=sys.argv[2] == "read")
    with store.read() as reader:
        print("read", sum(1 for _ in reader.scan("table")))
except StorageError as error:
    print(error)
"""

    @pytest.fixture
    def place(self) -> Iterator[Path]:
        # pytest's own directories are closed to other users.
        place = Path(tempfile.mkdtemp())
        place.chmod(0o755)
        yield place
        for path in [place, *place.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(place)

    def open_as_nobody(self, path: Path, mode: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", self.SCRIPT, str(path), mode], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def test_a_directory_that_cannot_be_made(self, place: Path) -> None:
        place.chmod(0o555)
        said = self.open_as_nobody(place / "store", "write")
        assert said == (
            f"{place / 'store'}: Permission denied: let this user write there, or name another directory"
        )

    def test_a_directory_that_cannot_be_written(self, place: Path) -> None:
        (place / "store").mkdir(mode=0o555)
        said = self.open_as_nobody(place / "store", "write")
        assert said.startswith(f"{place / 'store'}: Permission denied: let this user write there")

    def test_files_that_cannot_be_read(self, place: Path) -> None:
        make(place / "store")
        if os.geteuid() != 0:
            (place / "store" / "data.mdb").chmod(0)
        for mode in ("write", "read"):
            said = self.open_as_nobody(place / "store", mode)
            assert said.startswith(f"{place / 'store'}: Permission denied: let this user")

    def test_a_copy_in_a_directory_that_cannot_be_written_can_be_read(self, place: Path) -> None:
        make(place / "store")
        (place / "store" / "lock.mdb").unlink()
        (place / "store" / "data.mdb").chmod(0o444)
        (place / "store").chmod(0o555)
        assert self.open_as_nobody(place / "store", "read") == "read 1000"


class TestReaders:
    def test_too_many_snapshots_are_named_as_such(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lmdb_files, "MOST_READERS", 3)
        with closing(LmdbStore(tmp_path, ["table"])) as store, ExitStack() as snapshots:
            for _ in range(3):
                snapshots.enter_context(store.read())
            with pytest.raises(StorageError, match="too many snapshots are open at once"), store.read():
                pass

    def test_the_slot_of_a_killed_process_is_used_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = """
import sys
from pathlib import Path
from recursor.storage.lmdb_store import LmdbStore
with LmdbStore(Path(sys.argv[1]), ["table"]).read() as reader:
    print("reading", flush=True)
    sys.stdin.read()
"""
        monkeypatch.setattr(lmdb_files, "MOST_READERS", 2)
        with closing(LmdbStore(tmp_path, ["table"])) as store, ExitStack() as snapshots:
            with subprocess.Popen(
                [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == b"reading\n"
                process.kill()
            for _ in range(2):
                snapshots.enter_context(store.read())


def test_a_store_that_was_inherited_through_a_fork_says_so(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from recursor.storage.commit import Commit
from recursor.storage.errors import StoreUsageError
from recursor.storage.lmdb_store import LmdbStore
store = LmdbStore(Path(sys.argv[1]), ["table"])
def put(key):
    commit = Commit()
    commit.put("table", key, b"")
    store.write(commit)
put(b"a")
if os.fork() == 0:
    for use in (lambda: store.commit(Commit(), print), lambda: put(b"c"), lambda: store.read().__enter__()):
        try:
            use()
        except StoreUsageError as error:
            print(error, flush=True)
    os._exit(0)
os.wait()
put(b"b")
with store.read() as reader:
    print(len(list(reader.scan("table"))), flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    *refused, count = done.stdout.splitlines()
    assert len(refused) == 3
    assert all("before the fork: open it anew" in line for line in refused)
    assert count == "2"


def test_what_a_filesystem_cannot_sync_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("os.fsync", fail)
    make(tmp_path)
