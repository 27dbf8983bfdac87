"""Events from a runner."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recursor.client.call import get
from recursor.domain.errors import NotFoundError
from recursor.runner.errors import RunnerSilentError

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

    from recursor.domain.events import Event
    from recursor.web.event_feed import EventsMissed

# The runner sends a sign of life every 15 s, even without events.
SILENCE_SECONDS = 40.0

# Seconds between two connections.
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event, and the id to continue from."""

    id: str
    kind: str
    fields: Mapping[str, Any]
    """The event as plain JSON data."""

    @property
    def event(self) -> Event | EventsMissed:
        """The event as a record."""
        from recursor.domain.events import KINDS
        from recursor.web.event_feed import EventsMissed

        kind: Any = KINDS.get(self.kind, EventsMissed)
        found: Event | EventsMissed = kind.model_validate_json(
            json.dumps({name: value for name, value in self.fields.items() if name != "kind"})
        )
        return found


class EventStream:
    """The wanted events, and the position in the stream; without any input or output."""

    def __init__(self, stack: str | None, kinds: tuple[str, ...], after: str | None) -> None:
        """See `Client.events`."""
        self.path = get("/api/events", {"stack": stack, "kind": kinds}).path
        self._stack = stack
        self._after = after
        self._heard = self._complained = False

    @property
    def headers(self) -> dict[str, str]:
        """The parameters of a request for the next events."""
        return {} if self._after is None else {"last-event-id": self._after}

    def take(self, message: ServerSentEvent) -> ToldEvent | None:
        """Return the event in a message, if there is one."""
        self._after = message.id
        self._heard, self._complained = True, False
        if not message.data or message.event == "dropped":
            return None
        return ToldEvent(message.id, message.event, json.loads(message.data))

    def check(self, told: ToldEvent) -> None:
        """End the stream with the stack.

        Raises:
            NotFoundError: the stack was deleted.
        """
        if self._stack and told.kind == "stack_deleted":
            raise NotFoundError("the stack was deleted: there will be no more events")

    def fail(self, error: RunnerSilentError, on_silence: Callable[[str], object] | None) -> None:
        """Report the reason, once each time the runner falls silent.

        Raises:
            RunnerSilentError: there is no callback, or the runner never answered.
        """
        if on_silence is None or not self._heard:
            raise error
        if not self._complained:
            self._complained = True
            on_silence(str(error))
