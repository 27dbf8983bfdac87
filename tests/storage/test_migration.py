"""A store is brought to this program's version whole, or not touched."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from recursor.storage.errors import MigrationError, SchemaVersionError, UnfinishedStoreError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.migration import Migrations, schema_version
from recursor.storage.store import Store, Writer


def create(writer: Writer) -> None:
    for number in range(10):
        writer.put("table", b"%d" % number, b"old")


def renew(writer: Writer) -> None:
    for key, value in writer.scan("table"):
        writer.put("table", key, value.replace(b"old", b"new"))


def fail_half_way(writer: Writer) -> None:
    for key, _ in writer.scan("table"):
        if key == b"5":
            raise ValueError("record 5 is not what it should be")
        writer.delete("table", key)


def contents(store: Store) -> tuple[int, set[bytes], int]:
    with store.read() as reader:
        values = [value for _, value in reader.scan("table")]
        return schema_version(reader), set(values), len(values)


def open_lmdb(path: Path, *steps: Callable[[Writer], None], read_only: bool = False) -> LmdbStore:
    return LmdbStore(path, ["table"], migrations=Migrations(dict(enumerate(steps, 1))), read_only=read_only)


def test_a_new_store_goes_through_every_step(tmp_path: Path) -> None:
    migrations = Migrations({1: create, 2: renew})
    for store in (
        LmdbStore(tmp_path, ["table"], migrations=migrations),
        MemoryStore(["table"], migrations=migrations),
    ):
        with closing(store):
            assert contents(store) == (2, {b"new"}, 10)


def test_an_older_store_goes_through_the_steps_it_lacks(tmp_path: Path) -> None:
    with closing(open_lmdb(tmp_path, create)) as store:
        assert contents(store) == (1, {b"old"}, 10)
    with closing(open_lmdb(tmp_path, fail_half_way, renew)) as store:
        assert contents(store) == (2, {b"new"}, 10)


def test_a_step_that_fails_changes_nothing_nor_do_those_before_it(tmp_path: Path) -> None:
    open_lmdb(tmp_path, create).close()
    with pytest.raises(
        MigrationError, match=r"version 3 failed, the store stays at 1: record 5 is not what it should be"
    ):
        open_lmdb(tmp_path, create, renew, fail_half_way)
    with closing(open_lmdb(tmp_path, create)) as store:
        assert contents(store) == (1, {b"old"}, 10)


def test_a_migration_may_be_larger_than_the_map(tmp_path: Path) -> None:
    def large(writer: Writer) -> None:
        for number in range(100):
            writer.put("table", b"%d" % number, b"v" * 10_000)

    with closing(
        LmdbStore(tmp_path, ["table"], migrations=Migrations({1: large}), initial_map_bytes=1 << 16)
    ) as store:
        assert contents(store)[0] == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_store_is_refused_and_not_touched(tmp_path: Path, read_only: bool) -> None:
    open_lmdb(tmp_path, create, renew).close()
    with pytest.raises(SchemaVersionError, match=r"version 2, this program has 1: use a newer Recursor"):
        open_lmdb(tmp_path, create, read_only=read_only)
    with closing(open_lmdb(tmp_path, create, renew)) as store:
        assert contents(store) == (2, {b"new"}, 10)


def test_a_store_that_is_just_being_made_is_told_from_an_older_one(tmp_path: Path) -> None:
    open_lmdb(tmp_path).close()
    with pytest.raises(UnfinishedStoreError, match="just being made"):
        open_lmdb(tmp_path, create, renew, read_only=True)


def test_an_older_store_is_not_opened_to_be_read_only(tmp_path: Path) -> None:
    open_lmdb(tmp_path, create).close()
    with pytest.raises(
        SchemaVersionError, match=r"version 1, this program reads 2: open it once for writing"
    ):
        open_lmdb(tmp_path, create, renew, read_only=True)


def test_a_backup_has_the_version_of_its_store(tmp_path: Path) -> None:
    with closing(MemoryStore(["table"], migrations=Migrations({1: create, 2: renew}))) as store:
        store.backup(tmp_path)
    with closing(open_lmdb(tmp_path, create, renew, read_only=True)) as copy:
        assert contents(copy) == (2, {b"new"}, 10)


@pytest.mark.parametrize("versions", [[2], [0, 1], [1, 3]])
def test_versions_have_no_gap(versions: list[int]) -> None:
    with pytest.raises(ValueError, match="numbered 1, 2, 3"):
        Migrations(dict.fromkeys(versions, create))
