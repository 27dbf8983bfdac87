"""What every kind of store promises its callers."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from recursor.storage.errors import (
    InvalidKeyError,
    StorageError,
    StoreClosedError,
    StoreUsageError,
    UnknownTableError,
)
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.store import LONGEST_KEY, Reader, Store, Writer, prefix_range


class RefusedError(Exception):
    pass


def put(*keys: bytes, table: str = "first", value: bytes = b"value") -> Callable[[Writer], None]:
    def work(writer: Writer) -> None:
        for key in keys:
            writer.put(table, key, value)

    return work


def keys(reader: Reader, table: str = "first", **bounds: bytes | None) -> list[bytes]:
    return [key for key, _ in reader.scan(table, **bounds)]


def stored(store: Store) -> list[bytes]:
    with store.read() as reader:
        return keys(reader)


class TestReading:
    def test_a_key_that_was_never_written_is_none(self, store: Store) -> None:
        with store.read() as reader:
            assert reader.get("first", b"absent") is None

    def test_tables_are_apart(self, store: Store) -> None:
        store.write(put(b"key", table="first"))
        with store.read() as reader:
            assert reader.get("first", b"key") == b"value"
            assert reader.get("second", b"key") is None

    def test_an_empty_value_is_a_value(self, store: Store) -> None:
        store.write(put(b"key", value=b""))
        with store.read() as reader:
            assert reader.get("first", b"key") == b""

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
        store.write(put(b"c", b"a", b"d", b"b"))
        with store.read() as reader:
            assert [key for key, _ in reader.scan("first", start, stop)] == expected
            assert [key for key, _ in reader.scan("first", start, stop, reverse=True)] == expected[::-1]

    def test_a_snapshot_stays_as_it_was_taken(self, store: Store) -> None:
        store.write(put(b"a", b"b"))
        with store.read() as reader:
            scan = reader.scan("first")
            first = next(scan)[0]
            store.submit(lambda writer: writer.delete("first", b"b")).result()
            store.submit(put(b"c")).result()
            assert [first, *(key for key, _ in scan)] == [b"a", b"b"]
            assert reader.get("first", b"c") is None
        assert stored(store) == [b"a", b"c"]

    def test_a_read_inside_a_read_sees_what_was_committed_since(self, store: Store) -> None:
        with store.read() as outer:
            store.submit(put(b"a")).result()
            with store.read() as inner:
                assert keys(inner) == [b"a"]
            assert keys(outer) == []

    def test_a_snapshot_ends_with_its_block(self, store: Store) -> None:
        store.write(put(b"a", b"b"))
        with store.read() as reader:
            scan = reader.scan("first")
            next(scan)
        with pytest.raises(StorageError, match="snapshot has ended"):
            reader.get("first", b"a")
        with pytest.raises(StorageError, match="snapshot has ended"):
            list(scan)

    def test_a_scan_may_be_left_before_its_end(self, store: Store) -> None:
        store.write(put(b"a", b"b"))
        with store.read() as reader:
            assert next(reader.scan("first"))[0] == b"a"
            assert next(reader.scan("first", reverse=True))[0] == b"b"


class TestWriting:
    def test_it_returns_what_the_work_returned(self, store: Store) -> None:
        assert store.write(lambda _: "done") == "done"

    def test_a_writer_sees_its_own_writes(self, store: Store) -> None:
        def work(writer: Writer) -> tuple[bytes | None, list[bytes]]:
            writer.put("first", b"a", b"1")
            writer.put("first", b"a", b"2")
            return writer.get("first", b"a"), keys(writer)

        assert store.write(work) == (b"2", [b"a"])

    def test_delete_says_whether_the_key_was_there(self, store: Store) -> None:
        store.write(put(b"a"))
        assert store.write(lambda writer: writer.delete("first", b"a")) is True
        assert store.write(lambda writer: writer.delete("first", b"a")) is False

    def test_delete_range_removes_what_a_scan_of_it_yields(self, store: Store) -> None:
        store.write(put(b"a", b"b", b"c", b"d"))
        assert store.write(lambda writer: writer.delete_range("first", b"b", b"d")) == 2
        assert stored(store) == [b"a", b"d"]
        assert store.write(lambda writer: writer.delete_range("first", b"d", b"a")) == 0
        assert store.write(lambda writer: writer.delete_range("first", b"", None)) == 2
        assert stored(store) == []

    def test_delete_range_of_many(self, store: Store) -> None:
        store.write(put(*(b"%05d" % number for number in range(5000))))
        assert store.write(lambda writer: writer.delete_range("first", b"00100", b"04900")) == 4800
        assert stored(store) == [b"%05d" % number for number in [*range(100), *range(4900, 5000)]]

    def test_a_scan_may_delete_what_it_yields(self, store: Store) -> None:
        store.write(put(*(b"%04d" % number for number in range(1000))))

        def work(writer: Writer) -> int:
            return sum(writer.delete("first", key) for key, _ in writer.scan("first"))

        assert store.write(work) == 1000
        assert stored(store) == []

    def test_a_scan_sees_what_is_written_ahead_of_it(self, store: Store) -> None:
        store.write(put(b"a", b"c", b"e"))

        def work(writer: Writer, *, reverse: bool) -> list[bytes]:
            seen = []
            for key, _ in writer.scan("first", reverse=reverse):
                seen.append(key)
                if key == b"c":
                    writer.put("first", b"b", b"")
                    writer.put("first", b"d", b"")
                    writer.delete("first", b"c")
            raise SeenError(seen)

        class SeenError(Exception):
            pass

        with pytest.raises(SeenError) as forward:
            store.write(lambda writer: work(writer, reverse=False))
        assert forward.value.args[0] == [b"a", b"c", b"d", b"e"]
        with pytest.raises(SeenError) as backward:
            store.write(lambda writer: work(writer, reverse=True))
        assert backward.value.args[0] == [b"e", b"c", b"b", b"a"]

    def test_a_submission_that_raises_changes_nothing(self, store: Store) -> None:
        store.write(put(b"kept"))

        def work(writer: Writer) -> None:
            writer.put("first", b"lost", b"")
            writer.delete("first", b"kept")
            raise RefusedError("no")

        with pytest.raises(RefusedError, match="no"):
            store.write(work)
        assert stored(store) == [b"kept"]

    def test_one_that_raises_harms_no_other_in_its_batch(self, store: Store) -> None:
        def work(writer: Writer, number: int) -> None:
            writer.put("first", b"%02d" % number, b"")
            if number % 3 == 0:
                raise RefusedError(number)

        blocked, go = threading.Event(), threading.Event()
        first = store.submit(lambda _: (blocked.set(), go.wait()))
        blocked.wait()
        futures = [store.submit(lambda writer, n=number: work(writer, n)) for number in range(30)]
        go.set()
        first.result()
        assert [isinstance(f.exception(), RefusedError) for f in futures] == [n % 3 == 0 for n in range(30)]
        assert stored(store) == [b"%02d" % number for number in range(30) if number % 3]

    def test_a_submission_that_exits_is_no_more_than_one_that_raises(self, store: Store) -> None:
        with pytest.raises(SystemExit):
            store.write(lambda _: sys.exit(1))
        store.write(put(b"a"))
        assert stored(store) == [b"a"]

    def test_submissions_take_effect_in_the_order_of_submission(self, store: Store) -> None:
        def append(writer: Writer, number: int) -> None:
            writer.put("first", b"log", (writer.get("first", b"log") or b"") + b"%d " % number)

        futures = [store.submit(lambda writer, n=number: append(writer, n)) for number in range(600)]
        for future in futures:
            future.result()
        with store.read() as reader:
            assert reader.get("first", b"log") == b"".join(b"%d " % number for number in range(600))

    def test_no_increment_of_many_threads_is_lost(self, store: Store) -> None:
        def increment(writer: Writer) -> None:
            writer.put("first", b"count", b"%d" % (int(writer.get("first", b"count") or b"0") + 1))

        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(store.write, increment) for _ in range(400)]:
                done.result()
        with store.read() as reader:
            assert reader.get("first", b"count") == b"400"

    def test_a_writer_ends_with_its_submission(self, store: Store) -> None:
        writer = store.write(lambda writer: writer)
        with pytest.raises(StorageError, match="has ended"):
            writer.put("first", b"a", b"")
        with pytest.raises(StorageError, match="has ended"):
            writer.get("first", b"a")


class TestFutures:
    def test_the_write_is_there_when_a_callback_hears_of_it(self, store: Store) -> None:
        heard: Future[list[bytes]] = Future()
        store.submit(put(b"a")).add_done_callback(lambda _: heard.set_result(stored(store)))
        assert heard.result() == [b"a"]

    def test_a_callback_may_submit(self, store: Store) -> None:
        second: Future[Future[None]] = Future()
        store.submit(put(b"a")).add_done_callback(lambda _: second.set_result(store.submit(put(b"b"))))
        second.result().result()
        assert stored(store) == [b"a", b"b"]

    @pytest.mark.parametrize("error", [RefusedError, SystemExit])
    def test_a_callback_that_raises_harms_nobody(self, store: Store, error: type[BaseException]) -> None:
        def fail(_: Future[None]) -> None:
            raise error

        store.submit(put(b"a")).add_done_callback(fail)
        store.write(put(b"b"))
        assert stored(store) == [b"a", b"b"]

    def test_a_submission_cancelled_in_time_is_never_run(self, store: Store) -> None:
        blocked, go = threading.Event(), threading.Event()
        store.submit(lambda _: (blocked.set(), go.wait()))
        blocked.wait()
        cancelled, kept = store.submit(put(b"cancelled")), store.submit(put(b"kept"))
        assert cancelled.cancel()
        go.set()
        kept.result()
        assert stored(store) == [b"kept"]


class TestMisuse:
    @pytest.mark.parametrize("key", [b"", b"k" * (LONGEST_KEY + 1)])
    def test_a_key_no_store_can_hold_is_refused(self, store: Store, key: bytes) -> None:
        for work in (
            put(key),
            lambda writer: writer.delete("first", key),
            lambda writer: writer.get("first", key),
        ):
            with pytest.raises(InvalidKeyError, match=f"1 to {LONGEST_KEY} bytes, this one has {len(key)}"):
                store.write(work)

    def test_the_longest_key_is_kept(self, store: Store) -> None:
        longest = b"\xff" * LONGEST_KEY
        store.write(put(longest))

        def scan_and_change(writer: Writer) -> list[bytes]:
            return [key for key, _ in writer.scan("first") if writer.delete("first", key)]

        assert store.write(scan_and_change) == [longest]

    def test_an_unknown_table_is_named_with_those_there_are(self, store: Store) -> None:
        with store.read() as reader, pytest.raises(UnknownTableError, match=r"'third'.*first, meta, second"):
            reader.scan("third")
        with pytest.raises(UnknownTableError, match="'third'"):
            store.write(put(b"a", table="third"))

    def test_write_on_the_writer_thread_is_refused_and_not_waited_for(self, store: Store) -> None:
        with pytest.raises(StoreUsageError, match="use submit"):
            store.write(lambda _: store.write(put(b"a")))

    def test_write_inside_a_read_is_refused(self, store: Store) -> None:
        with store.read(), pytest.raises(StoreUsageError, match="end the read first"):
            store.write(put(b"a"))
        store.write(put(b"a"))

    def test_closing_on_the_writer_thread_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUsageError, match="another thread"):
            store.write(lambda _: store.close())


class TestClosing:
    def test_it_commits_what_was_submitted(self, store: Store) -> None:
        futures = [store.submit(put(b"%03d" % number)) for number in range(500)]
        store.close()
        assert all(future.done() and future.exception() is None for future in futures)

    def test_it_refuses_what_comes_later(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreClosedError):
            store.submit(put(b"a"))
        with pytest.raises(StoreClosedError), store.read():
            pass

    def test_closing_twice_is_fine(self, store: Store) -> None:
        store.close()
        store.close()

    def test_it_does_not_wait_for_a_snapshot(self, store: Store) -> None:
        store.write(put(b"a", b"b"))
        with store.read() as reader:
            scan = reader.scan("first")
            next(scan)
            store.close()
            with suppress(StorageError):
                list(scan)


class TestBackup:
    def test_it_opens_and_holds_what_the_store_holds(self, store: Store, tmp_path: Path) -> None:
        store.write(put(b"a", b"b", table="first"))
        store.write(put(b"c", table="second", value=b"v" * 10_000))
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

    def test_it_is_one_snapshot_while_the_store_is_written(self, store: Store, tmp_path: Path) -> None:
        stop = threading.Event()

        def pair(writer: Writer, number: int) -> None:
            writer.put("first", b"%08d" % number, b"x" * 500)
            writer.put("second", b"%08d" % number, b"x" * 500)

        def keep_writing() -> None:
            number = 0
            while not stop.is_set():
                store.write(lambda writer, n=number: pair(writer, n))
                number += 1

        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(keep_writing)
            try:
                for number in range(5):
                    store.backup(tmp_path / f"backup-{number}")
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
