"""What owners hold in memory, compared with what is on disk when everything rests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from recursor.orchestration.stack_records import StackRecords
from recursor.storage.stack_store import Loader

if TYPE_CHECKING:
    from tests.simulation.world import World

# What is counted in memory alone.
_NOT_STORED = frozenset(("changes", "changes_before_cycle"))
_COMPARED = tuple(field.name for field in fields(StackRecords) if field.name not in _NOT_STORED)


def differences(world: World) -> Iterator[str]:
    """Yield where memory and disk differ; nothing may be under way."""
    with world.store.read() as reader:
        for stack_id, supervisor in world.process.supervisors():
            if world.book.stacks[stack_id].damaged:
                continue
            state, queue = supervisor._state, supervisor._queue
            if state is None or queue is None:
                yield f"{stack_id} is not read: {supervisor._problem}"
                continue
            loader = Loader(reader, stack_id)
            stored = loader.records()
            if loader.damage is not None:
                yield f"{stack_id} is damaged: {loader.damage}"
            if not queue.is_idle:
                yield f"{stack_id} has something to write, and rests"
            for name in _COMPARED:
                known, found = getattr(state.records, name), getattr(stored, name)
                if known != found and not world.book.stacks[stack_id].pruned:
                    yield f"{name} of {stack_id} is {known!r} in memory, and {found!r} on disk"
