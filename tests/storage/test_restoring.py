"""A copy takes the place of a store whole, in one step, or not at all."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from recursor.storage import restoring
from recursor.storage.commit import Commit
from recursor.storage.errors import SchemaVersionError, StorageCorruptError, StorageError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import VERSION_KEY, schema_version
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.restoring import check_copy, copy_store, restore_store
from recursor.storage.store import META_TABLE
from recursor.storage.tables import NAMES, STACKS, TABLES
from tests.making import make_stack
from tests.processes import wait_for

OLD, NEW = "01d0000000000001", "0e30000000000001"


def make_store(path: Path, stack_id: str) -> Path:
    commit = Commit()
    STACKS.add(commit, make_stack(id=stack_id))
    with closing(open_store(path)) as store:
        store.write(commit)
    return path


def putting(key: bytes, value: bytes = b"", table: str = NAMES) -> Commit:
    commit = Commit()
    commit.put(table, key, value)
    return commit


def stacks(path: Path) -> list[str]:
    with closing(open_store(path, read_only=True)) as store, store.read() as reader:
        return [key.decode() for key, _ in reader.scan(STACKS.name)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The store to replace."""
    return make_store(tmp_path / "data" / "store", OLD)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """What replaces it."""
    return make_store(tmp_path / "backup", NEW)


@contextmanager
def program(text: str, *arguments: Path) -> Iterator[subprocess.Popen[str]]:
    """A program in a process of its own, which ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.communicate()


READER = """
import sys
from pathlib import Path
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
print("here", flush=True)
store = open_store(Path(sys.argv[1]))
with store.read() as reader:
    print([key.decode() for key, _ in reader.scan("agent_stacks")], flush=True)
commit = Commit()
commit.put("stack_names", b"written by the other process", b"")
store.write(commit)
print("written", flush=True)
sys.stdin.read()
"""


def waits_for_a_lock(pid: int) -> bool:
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


class TestCopying:
    def test_gives_a_data_directory_of_its_own(self, path: Path, tmp_path: Path) -> None:
        written = copy_store(path, tmp_path / "deep" / "copy")
        assert stacks(tmp_path / "deep" / "copy" / "store") == [OLD]
        assert written == (tmp_path / "deep" / "copy" / "store" / "data.mdb").stat().st_size

    def test_takes_a_store_of_another_version_as_it_is(self, path: Path, tmp_path: Path) -> None:
        set_version(path, b"99")
        copy_store(path, tmp_path / "copy")
        with closing(restoring._as_it_is(tmp_path / "copy" / "store")) as store, store.read() as reader:
            assert schema_version(reader) == 99

    def test_does_not_write_over_anything(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / "precious").touch()
        with pytest.raises(StorageError, match="not an empty directory"):
            copy_store(path, tmp_path / "copy")
        assert [each.name for each in (tmp_path / "copy").iterdir()] == ["precious"]


class TestRestoring:
    def test_replaces_what_was_there(self, path: Path, backup: Path) -> None:
        restore_store(backup, path)
        assert stacks(path) == [NEW]
        assert stacks(backup) == [NEW]
        assert [each.name for each in path.parent.iterdir()] == ["store"]
        assert sorted(each.name for each in path.iterdir()) == ["data.mdb", "lock.mdb"]

    def test_makes_what_was_not_there(self, backup: Path, tmp_path: Path) -> None:
        restore_store(backup, tmp_path / "new" / "store")
        assert stacks(tmp_path / "new" / "store") == [NEW]
        # LMDB writes its lock file through a map: a full disk kills it where the file has holes.
        lock = (tmp_path / "new" / "store" / "lock.mdb").stat()
        assert lock.st_blocks * 512 >= lock.st_size > 60_000

    def test_is_for_its_owner_s_eyes(self, path: Path, backup: Path) -> None:
        (backup / "data.mdb").chmod(0o644)
        restore_store(backup, path)
        assert stat.S_IMODE((path / "data.mdb").stat().st_mode) == 0o600

    def test_brings_an_older_version_up_to_date(self, path: Path, backup: Path) -> None:
        set_version(backup, b"0")
        check_copy(backup)
        restore_store(backup, path)
        with closing(open_store(path, read_only=True)) as store, store.read() as reader:
            assert schema_version(reader) == MIGRATIONS.latest

    def test_gives_back_the_room_of_what_was_deleted(self, path: Path, backup: Path) -> None:
        with closing(open_store(backup)) as store:
            store.write(putting(b"large", b"x" * 2_000_000))
            removal = Commit()
            removal.delete(NAMES, b"large")
            store.write(removal)
        assert (backup / "data.mdb").stat().st_size > 2_000_000
        restore_store(backup, path)
        assert (path / "data.mdb").stat().st_size < 1_000_000

    def test_is_refused_while_another_process_has_the_store_open(self, path: Path, backup: Path) -> None:
        with program(READER, path) as reader:
            assert reader.stdout is not None
            while reader.stdout.readline() != "written\n":
                pass
            with pytest.raises(StorageError, match=r"another process has the store open: end it"):
                restore_store(backup, path)
        assert stacks(path) == [OLD]
        restore_store(backup, path)
        assert stacks(path) == [NEW]

    @pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who waits for a lock")
    @pytest.mark.parametrize("written", range(3))
    def test_who_opens_the_store_meanwhile_gets_the_new_one(
        self, path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, written: int
    ) -> None:
        # LMDB's lock file has the number of the last transaction: of the store that was there.
        with closing(open_store(path)) as store:
            for _ in range(written):
                store.write(putting(b"one more"))
        began: list[subprocess.Popen[str]] = []
        original = restoring.sync_directory

        def begin(directory: Path) -> None:
            original(directory)
            process = programs.enter_context(program(READER, path))
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            wait_for(lambda: waits_for_a_lock(process.pid))
            began.append(process)

        monkeypatch.setattr(restoring, "sync_directory", begin)
        with ExitStack() as programs:
            restore_store(backup, path)
            (process,) = began
            assert process.stdout is not None
            assert process.stdout.readline() == f"{[NEW]}\n"
            assert process.stdout.readline() == "written\n"
            # Both see what the other writes: they agree on LMDB's lock file.
            with closing(open_store(path)) as store:
                store.write(putting(b"written here"))
                with store.read() as reader:
                    assert reader.get(NAMES, b"written by the other process") is not None
        assert stacks(path) == [NEW]


class TestWhatIsNoGood:
    def test_is_found_to_be_newer(self, backup: Path) -> None:
        set_version(backup, b"99")
        with pytest.raises(SchemaVersionError, match="schema version 99, this program has"):
            check_copy(backup)

    def test_is_found_to_be_cut_short(self, backup: Path) -> None:
        whole = (backup / "data.mdb").read_bytes()
        (backup / "data.mdb").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StorageCorruptError, match="damaged"):
            check_copy(backup)

    def test_is_found_to_be_overwritten(self, backup: Path) -> None:
        whole = bytearray((backup / "data.mdb").read_bytes())
        whole[3 * 4096 : 4 * 4096] = bytes(range(256)) * 16
        (backup / "data.mdb").write_bytes(whole)
        with pytest.raises(StorageCorruptError, match="damaged"):
            check_copy(backup)

    def test_is_found_to_be_somebody_else_s(self, tmp_path: Path) -> None:
        LmdbStore(tmp_path / "other", ["songs"]).close()
        with pytest.raises(StorageCorruptError, match="contains no Recursor data"):
            check_copy(tmp_path / "other")


KILLED = """
import os, sys
from pathlib import Path
from recursor.storage import restoring

when, source, path = sys.argv[1:]
replace = Path.replace

def dying_replace(self, target):
    if when == "before":
        os._exit(9)
    replace(self, target)
    os._exit(9)

Path.replace = dying_replace
restoring.restore_store(Path(source), Path(path))
"""


@pytest.mark.parametrize(("when", "left"), [("before", OLD), ("after", NEW)])
def test_killed_at_any_moment_there_is_one_of_the_two(path: Path, backup: Path, when: str, left: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, when, str(backup), str(path)], check=False)
    assert done.returncode == 9
    assert stacks(path) == [left]
    with closing(open_store(path)) as store:
        store.write(putting(b"goes on"))
    restore_store(backup, path)
    assert stacks(path) == [NEW]
    assert [each.name for each in path.parent.iterdir()] == ["store"]


def test_a_full_disk_leaves_the_old_one(path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="No space left on device"):
        restore_store(backup, path)
    monkeypatch.undo()
    assert stacks(path) == [OLD]
    assert [each.name for each in path.parent.iterdir()] == ["store"]


def set_version(path: Path, version: bytes) -> None:
    with closing(LmdbStore(path, TABLES, migrations=MIGRATIONS)) as store:
        store.write(putting(VERSION_KEY, version, META_TABLE))
