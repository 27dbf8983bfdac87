"""What stacks are called, for those who only get their events."""

from contextlib import suppress

from recursor.domain.events import Event, StackChanged, StackDeleted
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Store
from recursor.storage.tables import STACKS


class StackNames:
    """Remembers names, and forgets those of deleted stacks. For one thread."""

    def __init__(self, store: Store) -> None:
        """Look up in `store` what no event has told."""
        self._store = store
        self._names: dict[str, str] = {}

    def of(self, event: Event) -> str | None:
        """Return the name of the stack of an event; None if it cannot be found out any more."""
        if isinstance(event, StackChanged):
            self._names[event.stack_id] = event.name
        if isinstance(event, StackDeleted):
            return self._names.pop(event.stack_id, None)
        name = self._names.get(event.stack_id)
        if name is None:
            with suppress(CorruptRecordError), self._store.read() as reader:
                stack = STACKS.get(reader, event.stack_id)
                if stack is not None:
                    name = self._names[stack.id] = stack.name
        return name
