"""What the tests of several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.store import Store
from recursor.storage.tables import TABLES


@pytest.fixture(params=["lmdb", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Every kind of store, empty, with the tables of Recursor."""
    store: Store = LmdbStore(tmp_path / "store", TABLES) if request.param == "lmdb" else MemoryStore(TABLES)
    yield store
    store.close()
