"""Every kind of store, empty, with two tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.store import Store

TABLES = ("first", "second")


@pytest.fixture
def lmdb_store(tmp_path: Path) -> Iterator[LmdbStore]:
    store = LmdbStore(tmp_path / "store", TABLES)
    yield store
    store.close()


@pytest.fixture(params=["lmdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = LmdbStore(tmp_path / "store", TABLES) if request.param == "lmdb" else MemoryStore(TABLES)
    yield store
    store.close()
