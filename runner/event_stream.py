"""What happens, as a runner tells it: one event after the other, also after it was away for a while."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any

from recursor.domain.errors import NotFoundError
from recursor.runner.access import Access
from recursor.runner.client import ApiClient
from recursor.runner.errors import RunnerSilentError

# The runner says that it is there every 15 s, even if nothing happens.
SILENCE_SECONDS = 40.0

# From the end of one connection to the next one.
RETRY_SECONDS = 1.0

Event = dict[str, Any]
"""An event as JSON has it, with its `kind`, and the `id` that it can be gone on after."""


class EventStream:
    """The events of a stack, or of all; for as long as anybody wants them."""

    def __init__(
        self,
        access: Access,
        stack_id: str | None,
        kinds: tuple[str, ...],
        after: str | None,
        *,
        on_silence: Callable[[str], None],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Prepare to follow.

        Args:
            access: the way to the runner.
            stack_id: only what happens to this stack.
            kinds: only these kinds of events; empty for all.
            after: the id of the last event that is known; None to begin with what happens next.
            on_silence: is told, once each time, why the runner cannot be heard any more.
            retry_seconds: how long to wait before it is looked for again.
        """
        self._access = access
        self._query = {"stack": stack_id, "kind": kinds}
        self._after = after
        self._on_silence = on_silence
        self._retry_seconds = retry_seconds

    def __iter__(self) -> Iterator[Event | None]:
        """Yield each event when it is told; None now and then, when there is none.

        Raises:
            RunnerSilentError: there is no runner to begin with.
            RecursorError: the runner refuses.
        """
        heard, complained = False, False
        while True:
            try:
                client = self._access.client()
                if client is None:
                    raise RunnerSilentError("events: the runner is down")
                for event in self._follow(client):
                    heard, complained = True, False
                    yield event
                why = f"{client.url}: the runner has ended the stream"
            except RunnerSilentError as error:
                if not heard:
                    raise
                why = str(error)
            if not complained:
                self._on_silence(why)
                complained = True
            # It may come back as another process, on another port.
            self._access.look_again()
            time.sleep(self._retry_seconds)

    def _follow(self, client: ApiClient) -> Iterator[Event | None]:
        headers = {"accept": "text/event-stream"}
        if self._after is not None:
            headers["last-event-id"] = self._after
        with client.stream("/api/events", self._query, headers, SILENCE_SECONDS) as response:
            try:
                yield None
                yield from self._events(response)
            except (OSError, HTTPException) as error:
                raise client.silence(error) from error

    def _events(self, response: HTTPResponse) -> Iterator[Event | None]:
        """Yield what is told until there is no more: server-sent events, as WHATWG's HTML has them."""
        data: list[str] = []
        for line in response:
            name, _, value = line.decode(errors="replace").rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            match name:
                case "id":
                    self._after = value
                case "data":
                    data.append(value)
                case "" if value:
                    # A comment says that the connection lives.
                    yield None
                case "" if data:
                    event = json.loads("\n".join(data))
                    data.clear()
                    if event.get("kind") != "dropped":
                        yield {"id": self._after, **event}
                    # Of a deleted stack nothing more will be told; whoever follows it has seen its end.
                    if self._query["stack"] and event.get("kind") == "stack_deleted":
                        raise NotFoundError("the stack was deleted: nothing more will happen to it")
                case _:
                    pass
