"""Each store against a model: a dictionary for each table, under any sequence of commits."""

import tempfile
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import FencedError, UnknownTableError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.store import LONGEST_KEY, Reader, Store
from tests.storage.conftest import MERGES, TABLES, AtOnce

Model = dict[str, dict[bytes, bytes]]
Operation = tuple[str, str, bytes, bytes | None]

tables = st.sampled_from(TABLES)
# Few and near to each other, so that operations meet; with the bytes that sort first and last.
keys = st.binary(min_size=1, max_size=3).map(lambda key: bytes(b"\x00ab\xff"[byte % 4] for byte in key)) | (
    st.sampled_from([b"\xff" * LONGEST_KEY, b"a" * LONGEST_KEY])
)
values = st.binary(max_size=5)
bounds = keys | st.just(b"")
operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), tables, keys, values),
        st.tuples(st.just("delete"), tables, keys, st.none()),
        st.tuples(st.just("delete_range"), tables, bounds, bounds | st.none()),
        st.tuples(st.just("add"), st.just("sums"), keys, st.sampled_from([b"1", b"2"])),
    ),
    max_size=8,
)


class Writes(NamedTuple):
    """What one commit is to write, and why it may be refused."""

    operations: list[Operation]
    owner: str | None
    number: int
    bad: bool


writes = st.builds(
    Writes, operations, st.none() | st.sampled_from(["stack", "other"]), st.integers(1, 3), st.booleans()
)


def within(model: dict[bytes, bytes], start: bytes, stop: bytes | None) -> list[tuple[bytes, bytes]]:
    return sorted(
        (key, value) for key, value in model.items() if key >= start and (stop is None or key < stop)
    )


def enlarge(value: bytes) -> bytes:
    """Make some values larger than a page, some than two: stores keep those apart."""
    return value * 4000


def apply_to_model(model: Model, operations: list[Operation]) -> None:
    additions: list[tuple[bytes, bytes]] = []
    for name, table, key, argument in operations:
        if name == "put":
            assert argument is not None
            model[table][key] = enlarge(argument)
        elif name == "delete":
            model[table].pop(key, None)
        elif name == "add":
            assert argument is not None
            additions.append((key, argument))
        else:
            for gone, _ in within(model[table], key, argument):
                del model[table][gone]
            if table == "sums":
                additions = [each for each in additions if not within({each[0]: b""}, key, argument)]
    for key, operand in additions:
        model["sums"][key] = model["sums"].get(key, b"") + operand


def as_commit(wanted: Writes) -> Commit:
    commit = Commit(None if wanted.owner is None else Fence(wanted.owner, wanted.number))
    for name, table, key, argument in wanted.operations:
        if name == "put":
            assert argument is not None
            commit.put(table, key, enlarge(argument))
        elif name == "delete":
            commit.delete(table, key)
        elif name == "add":
            commit.add(table, key, argument)
        else:
            commit.delete_range(table, key, argument)
    if wanted.bad:
        commit.put("no such table", b"key", b"")
    return commit


def copy(model: Model) -> Model:
    return {name: dict(table) for name, table in model.items()}


class StoreMachine(RuleBasedStateMachine):
    snapshots: Bundle[tuple[AbstractContextManager[Reader], Reader, Model]] = Bundle("snapshots")

    store: Store

    def open_store(self) -> Store:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.model: Model = {name: {} for name in TABLES}
        self.fences = {"stack": 0, "other": 0}
        self.open_snapshots: list[AbstractContextManager[Reader]] = []
        self.store = self.open_store()

    @rule(batch=st.lists(writes, min_size=1, max_size=4))
    def commit_together(self, batch: list[Writes]) -> None:
        ended: list[tuple[Future[BaseException | None], type[BaseException]]] = []
        for wanted in batch:
            future: Future[BaseException | None] = Future()
            self.store.commit(as_commit(wanted), future.set_result)
            ended.append((future, self.expect(wanted)))
        for future, expected in ended:
            assert type(future.result()) is expected

    def expect(self, wanted: Writes) -> type[BaseException]:
        """Apply to the model, and return the type of what `done` is to be called with."""
        if wanted.owner is not None and wanted.number < self.fences[wanted.owner]:
            return FencedError
        if wanted.bad:
            return UnknownTableError
        if wanted.owner is not None:
            self.fences[wanted.owner] = wanted.number
        apply_to_model(self.model, wanted.operations)
        return type(None)

    @rule(target=snapshots)
    def take_snapshot(self) -> tuple[AbstractContextManager[Reader], Reader, Model]:
        context = self.store.read()
        reader = context.__enter__()
        self.open_snapshots.append(context)
        return context, reader, copy(self.model)

    @rule(
        snapshot=snapshots,
        table=tables,
        key=keys,
        between=st.tuples(bounds, bounds | st.none()),
        reverse=st.booleans(),
    )
    def look(
        self,
        snapshot: tuple[AbstractContextManager[Reader], Reader, Model],
        table: str,
        key: bytes,
        between: tuple[bytes, bytes | None],
        reverse: bool,
    ) -> None:
        _, reader, model = snapshot
        assert reader.get(table, key) == model[table].get(key)
        expected = within(model[table], *between)
        assert list(reader.scan(table, *between, reverse=reverse)) == expected[:: -1 if reverse else 1]

    @rule(snapshot=consumes(snapshots))
    def end_snapshot(self, snapshot: tuple[AbstractContextManager[Reader], Reader, Model]) -> None:
        self.open_snapshots.remove(snapshot[0])
        snapshot[0].__exit__(None, None, None)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        with self.store.read() as reader:
            for table, model in self.model.items():
                assert list(reader.scan(table)) == within(model, b"", None)

    def teardown(self) -> None:
        for context in self.open_snapshots:
            context.__exit__(None, None, None)
        self.store.close()


class MemoryMachine(StoreMachine):
    def open_store(self) -> Store:
        return MemoryStore(TABLES, merges=MERGES, largest_batch=3)


class SimulatedMachine(StoreMachine):
    def open_store(self) -> Store:
        self.simulated = SimulatedStore(TABLES, AtOnce(), merges=MERGES, largest_batch=3)
        return self.simulated

    @rule()
    def lose_power(self) -> None:
        self.simulated.lose_power()
        self.store = self.simulated = self.simulated.restarted(AtOnce())


class LmdbMachine(StoreMachine):
    def open_store(self) -> Store:
        self.directory = tempfile.TemporaryDirectory()
        return LmdbStore(Path(self.directory.name), TABLES, merges=MERGES, largest_batch=3)

    @rule()
    def reopen(self) -> None:
        if not self.open_snapshots:
            self.store.close()
            self.store = LmdbStore(Path(self.directory.name), TABLES, merges=MERGES, largest_batch=3)

    def teardown(self) -> None:
        super().teardown()
        self.directory.cleanup()


@pytest.mark.parametrize("machine", [LmdbMachine, MemoryMachine, SimulatedMachine])
def test_a_store_does_what_its_model_does(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )
