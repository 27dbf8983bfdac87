"""Hears what the agents of a stack are about to answer, beside whatever else a command does."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from recursor.cli.access import open_place
from recursor.cli.configured import Place
from recursor.domain.errors import RecursorError
from recursor.runner.event_stream import EventStream

# From one look for a runner to the next, in seconds.
_RETRY_SECONDS = 2.0


class Hearing:
    """Listens to the runner of a place, whenever there is one, for as long as the process lives."""

    def __init__(self, place: Place, stack_id: str) -> None:
        """Begin to listen to what happens to a stack."""
        self._access = open_place(place)
        self._stack_id = stack_id
        self._said: dict[str, str] = {}
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name="recursor-hearing", daemon=True).start()

    @property
    def said(self) -> Mapping[str, str]:
        """The newest of the unfinished answers, by role."""
        return dict(self._said)

    def end(self) -> None:
        """Listen no more; what is being waited for is not waited for."""
        self._ended.set()

    def _listen(self) -> None:
        while not self._ended.is_set():
            kinds = ("node_progress", "node_finished")
            stream = EventStream(self._access, self._stack_id, kinds, None, on_silence=self._forget)
            try:
                for event in stream:
                    if self._ended.is_set():
                        break
                    if event is not None:
                        self._said.pop(event["role"], None)
                        if event["kind"] == "node_progress":
                            self._said[event["role"]] = event["text"]
            except RecursorError:
                # There is no runner now, or it does not tell: the picture does without.
                self._said.clear()
                self._access.look_again()
                self._ended.wait(_RETRY_SECONDS)
        self._access.close()

    def _forget(self, _why: str) -> None:
        self._said.clear()
