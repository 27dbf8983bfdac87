"""The unfinished answers of a stack's agents, received while a command does something else."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from recursor.cli.access import open_place
from recursor.cli.configured import Place
from recursor.domain.errors import RecursorError

# Seconds between two checks for a runner.
_RETRY_SECONDS = 2.0


class PartialAnswers:
    """Follows the events of a runner, if there is one, until `end`."""

    def __init__(self, place: Place, stack_id: str) -> None:
        """Follow the events of a stack."""
        self._client = open_place(place)
        self._stack_id = stack_id
        self._said: dict[tuple[str, str | None], str] = {}
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name="recursor-answers", daemon=True).start()

    @property
    def said(self) -> Mapping[tuple[str, str | None], str]:
        """The newest part of each unfinished answer, by role and todo."""
        return dict(self._said)

    def end(self) -> None:
        """Stop, without waiting for the next event."""
        self._ended.set()

    def _listen(self) -> None:
        while not self._ended.is_set():
            kinds = ("node_progress", "node_finished")
            try:
                for told in self._client.events(self._stack_id, kinds=kinds, on_silence=self._forget):
                    if self._ended.is_set():
                        break
                    name = told.fields.get("role", ""), told.fields.get("todo_id")
                    if told.kind == "node_progress":
                        self._said[name] = told.fields["text"]
                    elif told.kind == "node_finished":
                        self._said.pop(name, None)
            except RecursorError:
                # No runner is up or answers: the picture works without.
                self._said.clear()
                self._ended.wait(_RETRY_SECONDS)
        self._client.close()

    def _forget(self, _why: str) -> None:
        self._said.clear()
