"""What owners hold in memory, compared with what is on disk when everything rests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from recursor.domain.spending import Account
from recursor.orchestration.ledger import Ledger
from recursor.orchestration.stack_records import StackRecords
from recursor.storage.stack_store import Loader
from recursor.storage.store import Reader
from recursor.storage.tables import ACCOUNTS, ALL_STACKS, RESERVATIONS

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
        yield from _books(world.process.ledger(), reader)


def _books(ledger: Ledger, reader: Reader) -> Iterator[str]:
    for (owner, role), known in ledger._accounts.items():
        found = ACCOUNTS.get(reader, owner, role) or Account(stack_id=owner, role=role)
        if known != found:
            yield f"the account of {owner} ({role}) is {known!r} in memory, and {found!r} on disk"
    kept, stored = set(ledger._reservations), set(RESERVATIONS.keys(reader, ALL_STACKS))
    if kept != stored:
        yield f"reserved are {sorted(kept)} in memory, and {sorted(stored)} on disk"
