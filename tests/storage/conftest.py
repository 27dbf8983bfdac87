"""Every kind of store, empty, with two tables of any values and one of sums."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from recursor.storage.commit import Commit, MergeFunction
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.store import Store

TABLES = ("first", "second", "sums")


def join(_key: bytes, stored: bytes | None, operands: Sequence[bytes]) -> bytes:
    """Merge by appending: unlike a sum, it tells in which order the operands came."""
    if b"!" in operands:
        raise ValueError("cannot add this")
    return (stored or b"") + b"".join(operands)


MERGES: Mapping[str, MergeFunction] = {"sums": join}


class AtOnce:
    """Runs steps as soon as they are added, one after the other."""

    def __init__(self) -> None:
        self._steps: deque[Callable[[], object]] = deque()
        self._running = False

    def add(self, step: Callable[[], object]) -> None:
        self._steps.append(step)
        if self._running:
            return
        self._running = True
        while self._steps:
            self._steps.popleft()()
        self._running = False


@pytest.fixture
def lmdb_store(tmp_path: Path) -> Iterator[LmdbStore]:
    store = LmdbStore(tmp_path / "store", TABLES, merges=MERGES)
    yield store
    store.close()


def open_kind(kind: str, path: Path) -> Store:
    if kind == "lmdb":
        return LmdbStore(path / "store", TABLES, merges=MERGES)
    return (
        MemoryStore(TABLES, merges=MERGES)
        if kind == "memory"
        else SimulatedStore(TABLES, AtOnce(), merges=MERGES)
    )


@pytest.fixture(params=["lmdb", "memory", "simulated"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = open_kind(request.param, tmp_path)
    yield store
    store.close()


@pytest.fixture(params=["lmdb", "memory"])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The kinds that several threads may use."""
    store = open_kind(request.param, tmp_path)
    yield store
    store.close()


def putting(*keys: bytes, table: str = "first", value: bytes = b"value") -> Commit:
    """Return a commit that puts `value` at each of `keys`."""
    commit = Commit()
    for key in keys:
        commit.put(table, key, value)
    return commit
