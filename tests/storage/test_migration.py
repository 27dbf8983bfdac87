"""A store is brought to this program's version whole, or not touched."""

import logging
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from recursor.storage.commit import Commit
from recursor.storage.errors import (
    MigrationError,
    SchemaVersionError,
    StorageError,
    UnfinishedStoreError,
    UnknownTableError,
)
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import AnyVersion, Migration, Migrations, schema_version
from recursor.storage.store import Reader, Store
from tests.storage.conftest import putting


def create(_reader: Reader) -> Commit:
    return putting(*(b"%d" % number for number in range(10)), table="table", value=b"old")


def renew(reader: Reader) -> Commit:
    commit = Commit()
    for key, value in reader.scan("table"):
        commit.put("table", key, value.replace(b"old", b"new"))
    return commit


def fail(reader: Reader) -> Commit:
    for key, _ in reader.scan("table"):
        if key == b"5":
            raise ValueError("record 5 is not what it should be")
    return Commit()


def contents(store: Store) -> tuple[int, set[bytes], int]:
    with store.read() as reader:
        values = [value for _, value in reader.scan("table")]
        return schema_version(reader), set(values), len(values)


def open_store(
    path: Path,
    *steps: Migration,
    read_only: bool = False,
    former: Iterable[str] = (),
    backups: Path | None = None,
) -> LmdbStore:
    migrations = Migrations(dict(enumerate(steps, 1)), former=former)
    return LmdbStore(path, ["table"], migrations=migrations, read_only=read_only, backups=backups)


def test_a_new_store_goes_through_every_step(tmp_path: Path) -> None:
    with closing(open_store(tmp_path, create, renew)) as store:
        assert contents(store) == (2, {b"new"}, 10)


def test_an_older_store_goes_through_the_steps_it_lacks(tmp_path: Path) -> None:
    with closing(open_store(tmp_path, create)) as store:
        assert contents(store) == (1, {b"old"}, 10)
    with closing(open_store(tmp_path, fail, renew)) as store:
        assert contents(store) == (2, {b"new"}, 10)


def test_a_step_that_fails_changes_nothing_nor_do_those_before_it(tmp_path: Path) -> None:
    open_store(tmp_path, create).close()
    with pytest.raises(
        MigrationError, match=r"version 3 failed, the store stays at 1: record 5 is not what it should be"
    ):
        open_store(tmp_path, create, renew, fail)
    with closing(open_store(tmp_path, create)) as store:
        assert contents(store) == (1, {b"old"}, 10)


def test_a_migration_may_be_larger_than_the_map(tmp_path: Path) -> None:
    def large(_reader: Reader) -> Commit:
        return putting(*(b"%d" % number for number in range(100)), table="table", value=b"v" * 10_000)

    with closing(
        LmdbStore(tmp_path, ["table"], migrations=Migrations({1: large}), initial_map_bytes=1 << 16)
    ) as store:
        assert contents(store)[0] == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_store_is_refused_and_not_touched(tmp_path: Path, read_only: bool) -> None:
    open_store(tmp_path / "store", create, renew).close()
    with pytest.raises(SchemaVersionError, match=r"version 2, this program has 1: use a newer Recursor"):
        open_store(tmp_path / "store", create, read_only=read_only, backups=tmp_path / "backups")
    with closing(open_store(tmp_path / "store", create, renew)) as store:
        assert contents(store) == (2, {b"new"}, 10)
    assert not (tmp_path / "backups").exists()


def test_a_store_that_is_just_being_made_is_told_from_an_older_one(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with pytest.raises(UnfinishedStoreError, match="is being created"):
        open_store(tmp_path, create, renew, read_only=True)


def test_an_older_store_is_not_opened_to_be_read_only(tmp_path: Path) -> None:
    open_store(tmp_path, create).close()
    with pytest.raises(
        SchemaVersionError, match=r"version 1, this program reads 2: open it once for writing"
    ):
        open_store(tmp_path, create, renew, read_only=True)


def test_a_backup_has_the_version_of_its_store(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "store", create, renew)) as store:
        store.backup(tmp_path / "backup")
    with closing(open_store(tmp_path / "backup", create, renew, read_only=True)) as copy:
        assert contents(copy) == (2, {b"new"}, 10)


@pytest.mark.parametrize("versions", [[2], [0, 1], [1, 3]])
def test_versions_have_no_gap(versions: list[int]) -> None:
    with pytest.raises(ValueError, match="numbered 1, 2, 3"):
        Migrations(dict.fromkeys(versions, create))


class TestFormerTables:
    def test_can_be_read_by_steps_and_are_gone_afterwards(self, tmp_path: Path) -> None:
        def move(reader: Reader) -> Commit:
            commit = Commit()
            for key, value in reader.scan("former"):
                commit.put("table", key, value)
            return commit

        with closing(LmdbStore(tmp_path, ["table", "former"])) as store:
            store.write(putting(b"a", b"b", table="former", value=b"old"))
        with closing(open_store(tmp_path, move, former=["former", "never there"])) as store:
            assert contents(store) == (1, {b"old"}, 2)
            with store.read() as reader, pytest.raises(UnknownTableError):
                reader.scan("former")
        copy = LmdbStore(tmp_path, ["former"], migrations=AnyVersion(), read_only=True)
        with closing(copy), copy.read() as reader:
            assert list(reader.scan("former")) == []

    def test_stay_if_the_migration_fails(self, tmp_path: Path) -> None:
        with closing(LmdbStore(tmp_path, ["table", "former"])) as store:
            store.write(putting(b"5", table="table"))
            store.write(putting(b"a", table="former"))
        with pytest.raises(MigrationError):
            open_store(tmp_path, fail, former=["former"])
        with closing(LmdbStore(tmp_path, ["former"])) as store, store.read() as reader:
            assert reader.get("former", b"a") == b"value"


class TestTheCopyOfAnOlderStore:
    def test_is_kept_as_it_was_and_named_in_the_log(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        open_store(tmp_path / "store", create).close()
        open_store(tmp_path / "store", create, renew, backups=tmp_path / "backups").close()
        (kept,) = (tmp_path / "backups").iterdir()
        assert kept.name.startswith("before-schema-2-20")
        with closing(open_store(kept / "store", create, read_only=True)) as copy:
            assert contents(copy) == (1, {b"old"}, 10)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert str(kept) in record.getMessage()
        assert "\n" not in record.getMessage()

    def test_is_not_kept_of_a_new_store_nor_of_one_that_is_up_to_date(self, tmp_path: Path) -> None:
        for _ in range(2):
            open_store(tmp_path / "store", create, backups=tmp_path / "backups").close()
        assert not (tmp_path / "backups").exists()

    def test_is_not_kept_again_by_each_attempt_of_a_migration_that_fails(self, tmp_path: Path) -> None:
        open_store(tmp_path / "store", create).close()
        for _ in range(3):
            with pytest.raises(MigrationError):
                open_store(tmp_path / "store", create, fail, backups=tmp_path / "backups")
        assert len(list((tmp_path / "backups").iterdir())) == 1

    def test_that_cannot_be_kept_leaves_the_store_as_it_is(self, tmp_path: Path) -> None:
        open_store(tmp_path / "store", create).close()
        (tmp_path / "backups").write_text("a file in its place")
        with pytest.raises(StorageError, match=r"backups/before-schema-2-.* can't be written"):
            open_store(tmp_path / "store", create, renew, backups=tmp_path / "backups")
        with closing(open_store(tmp_path / "store", create)) as store:
            assert contents(store) == (1, {b"old"}, 10)
