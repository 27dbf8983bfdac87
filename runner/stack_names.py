"""Names of stacks, for subscribers that only get events."""

from contextlib import suppress

from recursor.domain.events import Event, StackChanged, StackDeleted
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Store
from recursor.storage.tables import STACKS


class StackNames:
    """Remembers names, and forgets those of deleted stacks. For one thread."""

    def __init__(self, store: Store) -> None:
        """Look up in `store` names that no event has reported."""
        self._store = store
        self._names: dict[str, str] = {}

    def of(self, event: Event) -> str | None:
        """Return the name of an event's stack; None if it can no longer be found."""
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
