"""Each store against a model: a dictionary for each table, under any sequence of operations."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

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

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.store import LONGEST_KEY, Reader, Store, Writer

TABLES = ("first", "second")
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
    ),
    max_size=8,
)


class RefusedError(Exception):
    pass


def within(model: dict[bytes, bytes], start: bytes, stop: bytes | None) -> list[tuple[bytes, bytes]]:
    return sorted(
        (key, value) for key, value in model.items() if key >= start and (stop is None or key < stop)
    )


def enlarge(value: bytes) -> bytes:
    """Make some values larger than a page, some than two: stores keep those apart."""
    return value * 4000


def apply_to_model(model: Model, work: list[Operation]) -> list[object]:
    answers: list[object] = []
    for name, table, key, argument in work:
        if name == "put":
            assert argument is not None
            model[table][key] = enlarge(argument)
        elif name == "delete":
            answers.append(model[table].pop(key, None) is not None)
        else:
            gone = within(model[table], key, argument)
            for gone_key, _ in gone:
                del model[table][gone_key]
            answers.append(len(gone))
    return answers


def apply_to_writer(writer: Writer, work: list[Operation], *, fails: bool) -> list[object]:
    answers: list[object] = []
    for name, table, key, argument in work:
        if name == "put":
            assert argument is not None
            writer.put(table, key, enlarge(argument))
            assert writer.get(table, key) == enlarge(argument)
        elif name == "delete":
            answers.append(writer.delete(table, key))
            assert writer.get(table, key) is None
        else:
            answers.append(writer.delete_range(table, key, argument))
            assert list(writer.scan(table, key, argument)) == []
    if fails:
        raise RefusedError
    return answers


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
        self.open_snapshots: list[AbstractContextManager[Reader]] = []
        self.store = self.open_store()

    @rule(batch=st.lists(st.tuples(operations, st.booleans()), min_size=1, max_size=4))
    def submit_together(self, batch: list[tuple[list[Operation], bool]]) -> None:
        futures: list[tuple[Future[list[object]], list[object] | None]] = []
        for work, fails in batch:
            future = self.store.submit(lambda writer, w=work, f=fails: apply_to_writer(writer, w, fails=f))
            futures.append((future, None if fails else apply_to_model(self.model, work)))
        for future, expected in futures:
            if expected is None:
                with pytest.raises(RefusedError):
                    future.result()
            else:
                assert future.result() == expected

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

    @rule(
        table=tables,
        start=bounds,
        reverse=st.booleans(),
        changes=st.lists(st.tuples(keys, st.booleans()), max_size=4),
    )
    def change_while_scanning(
        self, table: str, start: bytes, reverse: bool, changes: list[tuple[bytes, bool]]
    ) -> None:
        def work(writer: Writer) -> list[bytes]:
            return list(scan_and_change(writer))

        def scan_and_change(writer: Writer) -> Iterator[bytes]:
            waiting = list(changes)
            for key, _ in writer.scan(table, start, reverse=reverse):
                yield key
                if waiting:
                    change, removes = waiting.pop()
                    if removes:
                        writer.delete(table, change)
                    else:
                        writer.put(table, change, b"new")

        expected: list[bytes] = []
        waiting = list(changes)
        while left := [
            key
            for key, _ in within(self.model[table], start, None)
            if not expected or (key < expected[-1] if reverse else key > expected[-1])
        ]:
            expected.append(max(left) if reverse else min(left))
            if waiting:
                change, removes = waiting.pop()
                if removes:
                    self.model[table].pop(change, None)
                else:
                    self.model[table][change] = b"new"
        assert self.store.submit(work).result() == expected

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
        return MemoryStore(TABLES, largest_batch=3)


class LmdbMachine(StoreMachine):
    def open_store(self) -> Store:
        self.directory = tempfile.TemporaryDirectory()
        return LmdbStore(Path(self.directory.name), TABLES, largest_batch=3)

    @rule()
    def reopen(self) -> None:
        if not self.open_snapshots:
            self.store.close()
            self.store = LmdbStore(Path(self.directory.name), TABLES, largest_batch=3)

    def teardown(self) -> None:
        super().teardown()
        self.directory.cleanup()


@pytest.mark.parametrize("machine", [LmdbMachine, MemoryMachine])
def test_a_store_does_what_its_model_does(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )
