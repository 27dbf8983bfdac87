"""Collects an orchestrator's events and passes them on in batches: a batch costs a tenth of its events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.actors.event_rate import EventRate
from recursor.actors.messages import Subscribe, Unsubscribe
from recursor.domain.events import Event

Batch = Callable[[tuple[Event, ...], int], object]
"""Takes events, and the number of missed ones."""

# Seconds from batch to batch: too short to notice.
PERIOD_SECONDS = 0.05

# Events that may wait. Only a stalled process lets so many wait: it is told how many it missed.
_MOST_EVENTS = 20_000

# Periods without an event after which checking stops until one comes.
_QUIET_PERIODS = 20


class EventRelay:
    """Listens from `with` to its end."""

    def __init__(self, orchestrator: ActorRef[Any]) -> None:
        """Pass on events of `orchestrator`."""
        self._orchestrator = orchestrator
        self._rate = EventRate()
        self._receivers: tuple[Batch, ...] = ()
        self._gathering = threading.Lock()
        self._events: list[Event] = []
        self._left_out = 0
        self._come = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recursor-events", daemon=True)

    def add(self, receiver: Batch) -> None:
        """Also pass events to `receiver`, on this relay's thread."""
        with self._gathering:
            self._receivers = (*self._receivers, receiver)

    def remove(self, receiver: Batch) -> None:
        """Stop passing events to `receiver`."""
        with self._gathering:
            self._receivers = tuple(each for each in self._receivers if each != receiver)

    def tell(self, message: Event) -> None:
        """See `Listener.tell`."""
        with self._gathering:
            if len(self._events) >= _MOST_EVENTS:
                self._left_out += 1
                return
            self._events.append(message)
        self._come.set()

    def __enter__(self) -> EventRelay:
        self._thread.start()
        self._orchestrator.tell(Subscribe(self, rate=self._rate))
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ActorDeadError):
            self._orchestrator.tell(Unsubscribe(self))
        self._ended.set()
        self._come.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._come.wait()
            if self._ended.is_set():
                return
            self._come.clear()
            quiet = 0
            # Missed events are not announced: check for them for a while after the last event.
            while quiet < _QUIET_PERIODS and not self._ended.is_set():
                quiet = 0 if self._pass_on() else quiet + 1
                self._ended.wait(PERIOD_SECONDS)

    def _pass_on(self) -> bool:
        with self._gathering:
            events, self._events = tuple(self._events), []
            left_out, self._left_out = self._left_out, 0
            receivers = self._receivers
        missed = self._rate.collect_missed() + left_out
        if not events and not missed:
            return False
        for receive in receivers:
            receive(events, missed)
        return True
