"""Tells events to the actors that subscribed to them."""

import threading
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.domain.events import Event


class EventStream:
    """The subscriptions, and the telling. For any thread; without subscribers it costs next to nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Replaced as a whole by every change, so that who publishes needs no lock.
        self._subscriptions: tuple[tuple[ActorRef[Any], str | None], ...] = ()

    def subscribe(self, listener: ActorRef[Any], stack_id: str | None = None) -> None:
        """Have the events of one stack, or of all, told to `listener`; once, however often it subscribes."""
        with self._lock:
            theirs = {wanted for who, wanted in self._subscriptions if who == listener}
            if None in theirs or stack_id in theirs:
                return
            kept = self._subscriptions
            if stack_id is None:
                kept = tuple(subscription for subscription in kept if subscription[0] != listener)
            self._subscriptions = (*kept, (listener, stack_id))

    def unsubscribe(self, listener: ActorRef[Any]) -> None:
        """Tell `listener` nothing any more."""
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s[0] != listener)

    def wanted(self, stack_id: str) -> bool:
        """Whether anybody wants this stack's events: else there is no need to make them."""
        return bool(self._subscriptions) and any(
            wanted is None or wanted == stack_id for _, wanted in self._subscriptions
        )

    def publish(self, event: Event) -> None:
        """Tell `event` to who wants it. A listener that has stopped is forgotten."""
        for listener, stack_id in self._subscriptions:
            if stack_id is None or stack_id == event.stack_id:
                try:
                    listener.tell(event)
                except ActorDeadError:
                    self.unsubscribe(listener)
