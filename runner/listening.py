"""Moves an orchestrator's events to a separate thread, so that they delay no work."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from pykka import ActorDeadError, ActorRef

from recursor.actors.event_rate import EventRate
from recursor.actors.messages import Subscribe, Unsubscribe
from recursor.domain.events import Event

logger = logging.getLogger("recursor.runner")


class ListeningThread:
    """Listens from `with` to its end. A subclass handles the events."""

    def __init__(
        self,
        orchestrator: ActorRef[Any],
        name: str,
        kinds: frozenset[type[Event]],
        rate: EventRate,
    ) -> None:
        """Prepare the listener.

        Args:
            orchestrator: the source of the events.
            name: the thread's name.
            kinds: the kinds of events.
            rate: the most events.
        """
        self._orchestrator = orchestrator
        self._kinds = kinds
        self._rate = rate
        self._inbox: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def take(self, event: Event) -> None:
        """Handle an event; exceptions are logged."""
        raise NotImplementedError

    def end(self) -> None:
        """Finish after the last event."""

    def tell(self, message: Event) -> None:
        """See `Listener.tell`."""
        self._inbox.put(message)

    def __enter__(self) -> Self:
        """Start listening."""
        self._thread.start()
        self._orchestrator.ask(Subscribe(self, rate=self._rate, kinds=self._kinds))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Handle the remaining events, and stop listening."""
        with suppress(ActorDeadError):
            self._orchestrator.ask(Unsubscribe(self))
        self._inbox.put(None)
        self._thread.join()
        self.end()

    def _run(self) -> None:
        while (event := self._inbox.get()) is not None:
            try:
                self.take(event)
            except Exception:
                logger.exception("%s: an event could not be handled", self._thread.name)
