"""Pruning ends with its stack."""

from types import SimpleNamespace
from typing import Any

import pytest

from recursor.actors.stack_pruning import PortionPruned, StackPruning
from recursor.domain.errors import NotFoundError
from recursor.domain.settings import RetentionSettings
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.simulated import Scheduler, SimulatedClock
from recursor.storage.memory_store import MemoryStore
from recursor.storage.rollups import MERGES
from recursor.storage.tables import TABLES


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
