"""What every kind of store promises its callers."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from recursor.storage.commit import RETIRED, Commit, Fence, FenceNumbers
from recursor.storage.errors import (
    FencedError,
    InvalidKeyError,
    StorageError,
    StoreClosedError,
    StoreUsageError,
    UnknownTableError,
)
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.store import FENCES, LONGEST_KEY, Reader, Store, prefix_range
from tests.storage.conftest import putting


def keys(reader: Reader, table: str = "first", **bounds: bytes | None) -> list[bytes]:
    return [key for key, _ in reader.scan(table, **bounds)]


def stored(store: Store, table: str = "first") -> list[bytes]:
    with store.read() as reader:
        return keys(reader, table)


def value(store: Store, key: bytes, table: str = "first") -> bytes | None:
    with store.read() as reader:
        return reader.get(table, key)


def committed(store: Store, commit: Commit) -> "Future[BaseException | None]":
    """Commit, and return what `done` will have been called with; also while a snapshot is open."""
    future: Future[BaseException | None] = Future()
    store.commit(commit, future.set_result)
    return future


def together(store: Store, *commits: Commit) -> list[BaseException | None]:
    """Commit all of them in one batch, and return why each was refused."""
    ended: list[Future[BaseException | None]] = [Future() for _ in commits]

    def gather(_: BaseException | None) -> None:
        # On the writer thread: all of these wait when the next batch is taken.
        for commit, future in zip(commits, ended, strict=True):
            store.commit(commit, future.set_result)

    store.commit(Commit(), gather)
    return [future.result() for future in ended]


class TestReading:
    def test_a_key_that_was_never_written_is_none(self, store: Store) -> None:
        assert value(store, b"absent") is None

    def test_tables_are_apart(self, store: Store) -> None:
        store.write(putting(b"key", table="first"))
        assert value(store, b"key", "first") == b"value"
        assert value(store, b"key", "second") is None

    def test_an_empty_value_is_a_value(self, store: Store) -> None:
        store.write(putting(b"key", value=b""))
        assert value(store, b"key") == b""

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [
            (b"", None, [b"a", b"b", b"c", b"d"]),
            (b"b", b"d", [b"b", b"c"]),
            (b"bb", b"cc", [b"c"]),
            (b"", b"a", []),
            (b"d", None, [b"d"]),
            (b"e", None, []),
            (b"c", b"b", []),
            (b"b", b"b", []),
            (b"", b"z" * 1000, [b"a", b"b", b"c", b"d"]),
            (b"a" * 1000, None, [b"b", b"c", b"d"]),
        ],
    )
    def test_a_scan_keeps_to_its_bounds_both_ways(
        self, store: Store, start: bytes, stop: bytes | None, expected: list[bytes]
    ) -> None:
        store.write(putting(b"c", b"a", b"d", b"b"))
        with store.read() as reader:
            assert [key for key, _ in reader.scan("first", start, stop)] == expected
            assert [key for key, _ in reader.scan("first", start, stop, reverse=True)] == expected[::-1]

    def test_a_snapshot_stays_as_it_was_taken(self, store: Store) -> None:
        store.write(putting(b"a", b"b"))
        with store.read() as reader:
            scan = reader.scan("first")
            first = next(scan)[0]
            change = putting(b"c")
            change.delete("first", b"b")
            assert committed(store, change).result() is None
            assert [first, *(key for key, _ in scan)] == [b"a", b"b"]
            assert reader.get("first", b"c") is None
        assert stored(store) == [b"a", b"c"]

    def test_a_read_inside_a_read_sees_what_was_committed_since(self, store: Store) -> None:
        with store.read() as outer:
            committed(store, putting(b"a")).result()
            with store.read() as inner:
                assert keys(inner) == [b"a"]
            assert keys(outer) == []

    def test_a_snapshot_ends_with_its_block(self, store: Store) -> None:
        store.write(putting(b"a", b"b"))
        with store.read() as reader:
            scan = reader.scan("first")
            next(scan)
        with pytest.raises(StorageError, match="snapshot has ended"):
            reader.get("first", b"a")
        with pytest.raises(StorageError, match="snapshot has ended"):
            list(scan)

    def test_a_scan_may_be_left_before_its_end(self, store: Store) -> None:
        store.write(putting(b"a", b"b"))
        with store.read() as reader:
            assert next(reader.scan("first"))[0] == b"a"
            assert next(reader.scan("first", reverse=True))[0] == b"b"


class TestCommits:
    def test_write_what_they_collected_at_once(self, store: Store) -> None:
        store.write(putting(b"a", b"b"))
        change = putting(b"c", table="second")
        change.put("first", b"a", b"new")
        change.delete("first", b"b")
        change.delete("first", b"absent")
        store.write(change)
        assert stored(store) == [b"a"]
        assert value(store, b"a") == b"new"
        assert stored(store, "second") == [b"c"]

    def test_that_are_empty_are_acknowledged(self, store: Store) -> None:
        store.write(Commit())
        assert committed(store, Commit()).result() is None

    def test_keep_the_last_write_to_a_key(self, store: Store) -> None:
        change = Commit()
        change.put("first", b"a", b"1")
        change.put("first", b"a", b"2")
        change.put("first", b"b", b"1")
        change.delete("first", b"b")
        change.delete("first", b"c")
        change.put("first", b"c", b"3")
        store.write(change)
        assert stored(store) == [b"a", b"c"]
        assert value(store, b"a") == b"2"

    def test_remove_ranges(self, store: Store) -> None:
        store.write(putting(b"a", b"b", b"c", b"d"))
        change = Commit()
        change.delete_range("first", b"b", b"d")
        store.write(change)
        assert stored(store) == [b"a", b"d"]
        change = Commit()
        change.delete_range("first", b"d", b"a")
        store.write(change)
        assert stored(store) == [b"a", b"d"]
        change = Commit()
        change.delete_range("first", b"", None)
        store.write(change)
        assert stored(store) == []

    def test_remove_a_range_of_many(self, store: Store) -> None:
        store.write(putting(*(b"%05d" % number for number in range(5000))))
        change = Commit()
        change.delete_range("first", b"00100", b"04900")
        store.write(change)
        assert stored(store) == [b"%05d" % number for number in [*range(100), *range(4900, 5000)]]

    def test_remove_of_a_range_what_they_wrote_before_and_not_after(self, store: Store) -> None:
        change = putting(b"a", b"b", b"z")
        change.add("sums", b"a", b"1")
        change.delete_range("first", b"", b"m")
        change.delete_range("sums", b"", b"m")
        change.put("first", b"b", b"after")
        store.write(change)
        assert stored(store) == [b"b", b"z"]
        assert stored(store, "sums") == []

    def test_know_their_size(self) -> None:
        assert not Commit()
        change = putting(b"12", b"34", value=b"567")
        change.delete("first", b"8")
        assert len(change) == 3

    def test_take_effect_in_the_order_in_which_they_came(self, store: Store) -> None:
        futures = []
        for number in range(600):
            change = putting(b"log", value=b"%d" % number)
            change.add("sums", b"log", b"%d " % number)
            futures.append(committed(store, change))
        assert [future.result() for future in futures] == [None] * 600
        assert value(store, b"log") == b"599"
        assert value(store, b"log", "sums") == b"".join(b"%d " % number for number in range(600))

    def test_of_many_threads_are_all_there(self, shared_store: Store) -> None:
        def add(_: int) -> None:
            change = Commit()
            change.add("sums", b"count", b"x")
            shared_store.write(change)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(add, range(400)))
        assert value(shared_store, b"count", "sums") == b"x" * 400


def bad_commits() -> dict[str, tuple[Commit, type[BaseException], str]]:
    unknown_first, unknown_last = Commit(), putting(b"lost")
    unknown_first.put("third", b"a", b"")
    unknown_first.put("first", b"lost", b"")
    unknown_last.delete("third", b"a")
    unknown_range, unknown_sum = putting(b"lost"), putting(b"lost")
    unknown_range.delete_range("third", b"", None)
    unknown_sum.add("first", b"a", b"1")
    cannot_add = putting(b"lost")
    cannot_add.add("sums", b"a", b"!")
    return {
        "a table that is not there": (unknown_first, UnknownTableError, "'third'"),
        "a delete there": (unknown_last, UnknownTableError, "'third'"),
        "a range there": (unknown_range, UnknownTableError, "'third'"),
        "a sum in a table of none": (unknown_sum, UnknownTableError, "'first' takes no additions"),
        "what cannot be added": (cannot_add, ValueError, "cannot add this"),
    }


class TestACommitThatCannotBeApplied:
    @pytest.mark.parametrize("why", bad_commits())
    def test_changes_nothing(self, store: Store, why: str) -> None:
        store.write(putting(b"kept"))
        commit, error, text = bad_commits()[why]
        with pytest.raises(error, match=text):
            store.write(commit)
        assert stored(store) == [b"kept"]
        assert stored(store, "sums") == []

    @pytest.mark.parametrize("why", bad_commits())
    def test_harms_no_other_in_its_batch(self, store: Store, why: str) -> None:
        bad, error, _ = bad_commits()[why]
        commits = []
        for number in range(30):
            change = putting(b"%02d" % number)
            change.add("sums", b"log", b"%02d " % number)
            commits.append(bad if number % 3 == 0 else change)
        refused = together(store, *commits)
        assert [isinstance(each, error) for each in refused] == [n % 3 == 0 for n in range(30)]
        assert stored(store) == [b"%02d" % number for number in range(30) if number % 3]
        assert value(store, b"log", "sums") == b"".join(b"%02d " % n for n in range(30) if n % 3)


class TestFences:
    def change(self, number: int, key: bytes = b"a") -> Commit:
        change = Commit(Fence("stack", number))
        change.put("first", key, b"%d" % number)
        return change

    def test_refuse_the_commit_of_a_former_owner_whole(self, store: Store) -> None:
        store.write(self.change(1))
        store.write(self.change(1))
        store.write(self.change(3))
        late = self.change(2, b"late")
        late.add("sums", b"n", b"1")
        with pytest.raises(
            FencedError, match=r"^stack stack: .* fence 2 .* newer owner \(fence 3\)"
        ) as caught:
            store.write(late)
        assert (caught.value.owner, caught.value.number, caught.value.newer) == ("stack", 2, 3)
        assert stored(store) == [b"a"]
        assert stored(store, "sums") == []
        store.write(self.change(3))

    def test_hold_inside_a_batch_too(self, store: Store) -> None:
        numbers = [1, 2, 1, 2, 3, 2]
        refused = together(store, *(self.change(number, b"%d" % at) for at, number in enumerate(numbers)))
        assert [error is None for error in refused] == [True, True, False, True, True, False]
        assert stored(store) == [b"0", b"1", b"3", b"4"]

    def test_of_one_owner_are_nothing_to_another(self, store: Store) -> None:
        store.write(self.change(7))
        other = Commit(Fence("other", 1))
        other.put("first", b"b", b"")
        store.write(other)
        store.write(putting(b"c"))
        assert stored(store) == [b"a", b"b", b"c"]

    def test_are_not_stored_with_a_commit_that_cannot_be_applied(self, store: Store) -> None:
        bad = self.change(9)
        bad.put("third", b"a", b"")
        with pytest.raises(UnknownTableError):
            store.write(bad)
        store.write(self.change(1))

    def test_of_what_was_deleted_let_nobody_write_again(self, store: Store) -> None:
        store.write(self.change(4))
        last = Commit(Fence("stack", 4))
        last.delete("first", b"a")
        last.retire()
        store.write(last)
        assert value(store, b"stack", FENCES) == RETIRED
        for number in (4, 5, 2**63):
            with pytest.raises(FencedError, match="was deleted"):
                store.write(self.change(number))
        with store.read() as reader, pytest.raises(FencedError, match="was deleted"):
            FenceNumbers().take(reader, "stack")
        assert stored(store) == []

    def test_are_what_a_last_commit_needs(self) -> None:
        with pytest.raises(ValueError, match="no owner"):
            Commit().retire()

    def test_rise_with_every_owner_also_with_those_that_committed_nothing(self, store: Store) -> None:
        numbers = FenceNumbers()
        with store.read() as reader:
            first, second = numbers.take(reader, "stack"), numbers.take(reader, "stack")
            assert 0 < first.number < second.number
        store.write(self.change(100))
        with store.read() as reader:
            assert numbers.take(reader, "stack").number == 101
            assert numbers.take(reader, "other").number > second.number
            # In the next process.
            assert FenceNumbers().take(reader, "stack").number == 101


class TestSums:
    def test_are_added_up_by_the_function_of_their_table(self, store: Store) -> None:
        change = Commit()
        for operand in (b"a", b"b"):
            change.add("sums", b"n", operand)
        change.add("sums", b"m", b"c")
        store.write(change)
        store.write(change)
        assert value(store, b"n", "sums") == b"abab"
        assert value(store, b"m", "sums") == b"cc"

    def test_are_added_to_after_what_their_commit_writes(self, store: Store) -> None:
        change = Commit()
        change.add("sums", b"n", b"b")
        change.put("sums", b"n", b"a")
        store.write(change)
        assert value(store, b"n", "sums") == b"ab"

    def test_are_removed_with_all_that_was_added_before_in_the_same_batch(self, store: Store) -> None:
        def add(operand: bytes) -> Commit:
            change = Commit()
            change.add("sums", b"n", operand)
            return change

        removed, deleted, put = Commit(), Commit(), Commit()
        removed.delete_range("sums", b"a", b"z")
        deleted.delete("sums", b"n")
        put.put("sums", b"n", b"=")
        for change, left in ((removed, b"b"), (deleted, b"b"), (put, b"=b")):
            assert together(store, add(b"a"), change, add(b"b")) == [None] * 3
            assert value(store, b"n", "sums") == left


class TestAcknowledgements:
    def test_come_after_the_write(self, store: Store) -> None:
        heard: Future[list[bytes]] = Future()
        store.commit(putting(b"a"), lambda _: heard.set_result(stored(store)))
        assert heard.result() == [b"a"]

    def test_may_commit(self, store: Store) -> None:
        second: Future[BaseException | None] = Future()
        store.commit(putting(b"a"), lambda _: store.commit(putting(b"b"), second.set_result))
        assert second.result() is None
        assert stored(store) == [b"a", b"b"]

    @pytest.mark.parametrize("error", [ValueError, SystemExit])
    def test_that_raise_harm_nobody(self, store: Store, error: type[BaseException]) -> None:
        def fail(_: BaseException | None) -> None:
            raise error

        store.commit(putting(b"a"), fail)
        store.write(putting(b"b"))
        assert stored(store) == [b"a", b"b"]


class TestMisuse:
    @pytest.mark.parametrize("key", [b"", b"k" * (LONGEST_KEY + 1)])
    def test_a_key_no_store_can_hold_is_refused(self, store: Store, key: bytes) -> None:
        commit = Commit()
        with store.read() as reader:
            uses: list[Callable[[], object]] = [
                lambda: commit.put("first", key, b""),
                lambda: commit.delete("first", key),
                lambda: commit.add("sums", key, b""),
                lambda: reader.get("first", key),
            ]
            for use in uses:
                with pytest.raises(
                    InvalidKeyError, match=f"1 to {LONGEST_KEY} bytes, this one has {len(key)}"
                ):
                    use()
        assert not commit

    def test_the_longest_key_is_kept(self, store: Store) -> None:
        longest = b"\xff" * LONGEST_KEY
        store.write(putting(longest))
        assert stored(store) == [longest]
        change = Commit()
        change.delete_range("first", longest, None)
        store.write(change)
        assert stored(store) == []

    def test_an_unknown_table_is_named_with_those_there_are(self, store: Store) -> None:
        with (
            store.read() as reader,
            pytest.raises(UnknownTableError, match=r"'third'.*fences, first, meta, second"),
        ):
            reader.scan("third")

    def test_write_on_the_writer_thread_is_refused_and_not_waited_for(self, store: Store) -> None:
        assert isinstance(self.raised(store, lambda: store.write(putting(b"a"))), StoreUsageError)

    def test_write_inside_a_read_is_refused(self, store: Store) -> None:
        with store.read(), pytest.raises(StoreUsageError, match="end the read first"):
            store.write(putting(b"a"))
        store.write(putting(b"a"))

    def test_closing_on_the_writer_thread_is_refused(self, store: Store) -> None:
        assert isinstance(self.raised(store, store.close), StoreUsageError)

    def raised(self, store: Store, use: Callable[[], object]) -> BaseException:
        """Return what `use` raises in an acknowledgement."""
        raised: Future[BaseException] = Future()

        def done(_: BaseException | None) -> None:
            try:
                use()
            except StorageError as error:
                raised.set_result(error)

        store.commit(Commit(), done)
        return raised.result()


class TestClosing:
    def test_it_writes_what_was_committed(self, store: Store) -> None:
        futures = [committed(store, putting(b"%03d" % number)) for number in range(500)]
        store.close()
        assert all(future.result(timeout=0) is None for future in futures)

    def test_it_refuses_what_comes_later(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreClosedError):
            store.commit(putting(b"a"), print)
        with pytest.raises(StoreClosedError):
            store.write(putting(b"a"))
        with pytest.raises(StoreClosedError), store.read():
            pass

    def test_closing_twice_is_fine(self, store: Store) -> None:
        store.close()
        store.close()

    def test_it_does_not_wait_for_a_snapshot(self, store: Store) -> None:
        store.write(putting(b"a", b"b"))
        with store.read() as reader:
            scan = reader.scan("first")
            next(scan)
            store.close()
            with suppress(StorageError):
                list(scan)


class TestBackup:
    def test_it_opens_and_holds_what_the_store_holds(self, store: Store, tmp_path: Path) -> None:
        store.write(putting(b"a", b"b", table="first"))
        store.write(putting(b"c", table="second", value=b"v" * 10_000))
        store.backup(tmp_path / "deep" / "backup")
        with (
            closing(LmdbStore(tmp_path / "deep" / "backup", ["first", "second"])) as copy,
            copy.read() as reader,
        ):
            assert keys(reader, "first") == [b"a", b"b"]
            assert reader.get("second", b"c") == b"v" * 10_000

    def test_an_empty_directory_will_do(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "backup").mkdir()
        store.backup(tmp_path / "backup")
        assert (tmp_path / "backup" / "data.mdb").exists()

    def test_a_target_in_use_is_refused_and_left_alone(self, store: Store, tmp_path: Path) -> None:
        target = tmp_path / "backup"
        target.mkdir()
        (target / "precious").write_text("mine")
        with pytest.raises(StorageError, match=r"backup.*not an empty directory"):
            store.backup(target)
        assert [path.name for path in target.iterdir()] == ["precious"]
        with pytest.raises(StorageError, match="not an empty directory"):
            store.backup(target / "precious")

    def test_a_backup_that_fails_leaves_nothing(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        (tmp_path / "place").mkdir()
        monkeypatch.setattr("os.fsync", fail)
        with pytest.raises(StorageError, match=r"place/backup.*No space left"):
            store.backup(tmp_path / "place" / "backup")
        assert list((tmp_path / "place").iterdir()) == []

    def test_it_is_one_snapshot_while_the_store_is_written(self, shared_store: Store, tmp_path: Path) -> None:
        stop = threading.Event()

        def keep_writing() -> None:
            number = 0
            while not stop.is_set():
                pair = putting(b"%08d" % number, value=b"x" * 500)
                pair.put("second", b"%08d" % number, b"x" * 500)
                shared_store.write(pair)
                number += 1

        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(keep_writing)
            try:
                for number in range(5):
                    shared_store.backup(tmp_path / f"backup-{number}")
            finally:
                stop.set()
            writing.result()
        sizes = []
        for number in range(5):
            with (
                closing(LmdbStore(tmp_path / f"backup-{number}", ["first", "second"])) as copy,
                copy.read() as reader,
            ):
                assert keys(reader, "first") == keys(reader, "second")
                sizes.append(len(keys(reader, "first")))
        assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"", (b"", None)),
        (b"ab", (b"ab", b"ac")),
        (b"a\xff", (b"a\xff", b"b")),
        (b"\xff\xff", (b"\xff\xff", None)),
        (b"\x00", (b"\x00", b"\x01")),
    ],
)
def test_a_prefix_range_holds_the_keys_with_that_prefix(
    prefix: bytes, expected: tuple[bytes, bytes | None]
) -> None:
    assert prefix_range(prefix) == expected
