"""A listener that believes nothing: what it is told must be on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recursor.domain.events import (
    CycleFinished,
    CycleStarted,
    Event,
    NodeFinished,
    Trouble,
    UserMessageAnswered,
)
from recursor.storage.tables import GRAPHS, STACKS, USER_MESSAGES
from tests.simulation.disk import fields, find

if TYPE_CHECKING:
    from tests.simulation.world import World


class Listener:
    """A `recursor.actors.event_bus.Listener`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: dict[str, str] = {}
        """The stacks of the cycles that were told to have begun, and not to have ended."""

    def tell(self, event: Event) -> None:
        """Take an event, and compare it with the disk."""
        book = self._world.book.stacks.get(event.stack_id)
        if book is not None and book.damaged:
            return
        with self._world.store.read() as reader:
            if reader.get(STACKS.name, event.stack_id.encode()) is None:
                # Deleted meanwhile.
                return
            match event:
                case CycleStarted():
                    self._open[event.execution_id] = event.stack_id
                case CycleFinished():
                    self._open.pop(event.execution_id, None)
                case Trouble():
                    # Its supervisor may have died before it could tell more.
                    self._open = {
                        cycle: owner for cycle, owner in self._open.items() if owner != event.stack_id
                    }
                case NodeFinished():
                    value = reader.get(GRAPHS.name, f"{event.stack_id}/{event.execution_id}".encode())
                    nodes = [] if value is None else fields(value)["nodes"]
                    status = next(
                        (
                            n["status"]
                            for n in nodes
                            if (n["role"], n["todo_id"]) == (event.role, event.todo_id)
                        ),
                        None,
                    )
                    if nodes and status != event.status:
                        self._wrong(f"node {event.role} {event.status}; on disk it is {status}")
                case UserMessageAnswered():
                    found = find(reader, USER_MESSAGES.name, event.stack_id, event.message_id)
                    if found and found[0]["answer"] is None:
                        self._wrong(f"message {event.message_id} answered; on disk it is not")
                case _:
                    pass

    def forget(self) -> None:
        """Forget what was told by a process that is gone."""
        self._open.clear()

    def must_have_told_all(self) -> None:
        """Check, when everything rests, that each cycle was told to have ended."""
        with self._world.store.read() as reader:
            for execution_id, stack_id in self._open.items():
                is_damaged = self._world.book.stacks[stack_id].damaged
                if reader.get(STACKS.name, stack_id.encode()) is not None and not is_damaged:
                    self._wrong(f"cycle {execution_id} of {stack_id} began, and not that it ended")

    def _wrong(self, what: str) -> None:
        self._world.violate("events", f"it was told: {what}")
