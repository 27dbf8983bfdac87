"""Pruning ends with its stack."""

from types import SimpleNamespace
from typing import Any

import pytest

from recursor.actors.stack_pruning import PortionPruned, StackPruning
from recursor.domain.errors import NotFoundError
from recursor.domain.settings import RetentionSettings
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.simulated import Scheduler, SimulatedClock
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.rollups import MERGES
from recursor.storage.tables import STACKS, TABLES


def test_a_portion_that_is_gone_after_its_stack_changes_nothing() -> None:
    told: list[PortionPruned] = []
    environment: Any = SimpleNamespace(
        store=MemoryStore(TABLES, merges=MERGES),
        runtime=SimpleNamespace(clock=SimulatedClock(Scheduler(1))),
    )
    supervisor: Any = SimpleNamespace(tell=told.append)
    pruning = StackPruning("stack", environment, supervisor)
    answer: DispatchedFuture[Any] = DispatchedFuture()
    pruning.start(RetentionSettings(), None).answer(answer)

    pruning.stop(NotFoundError("no stack"))
    pruning.continue_after(told.pop(), None)

    assert (pruning.is_running, told) == (False, [])
    with pytest.raises(NotFoundError):
        answer.get(timeout=0)
    environment.store.close()


def test_a_record_that_cannot_be_read_ends_the_pruning_and_not_the_supervisor() -> None:
    told: list[PortionPruned] = []
    store = MemoryStore(TABLES, merges=MERGES)
    environment: Any = SimpleNamespace(
        store=store, runtime=SimpleNamespace(clock=SimulatedClock(Scheduler(1)))
    )
    pruning = StackPruning("stack", environment, SimpleNamespace(tell=told.append))  # type: ignore[arg-type]
    damage = Commit()
    damage.put(STACKS.name, b"stack", b"nothing readable")
    store.write(damage)
    answer: DispatchedFuture[Any] = DispatchedFuture()
    pruning.start(RetentionSettings(), None).answer(answer)

    pruning.continue_after(told.pop(), None)

    assert not pruning.is_running
    with pytest.raises(CorruptRecordError, match="agent_stacks stack"):
        answer.get(timeout=0)
    store.close()
