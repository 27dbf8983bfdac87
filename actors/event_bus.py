"""Delivers events to their subscribers."""

import threading
from dataclasses import dataclass
from typing import Protocol

from pykka import ActorDeadError

from recursor.actors.event_rate import EventRate
from recursor.domain.events import Event


class Listener(Protocol):
    """Receives events: an actor's reference, or anything else that accepts them as quickly."""

    def tell(self, message: Event) -> None:
        """Accept an event, at once and on any thread.

        Raises:
            ActorDeadError: it has stopped.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Subscription:
    listener: Listener
    stack_id: str | None
    rate: EventRate | None
    kinds: frozenset[type[Event]] | None

    def covers(self, stack_id: str, kind: type[Event] | None) -> bool:
        return (self.stack_id is None or self.stack_id == stack_id) and (
            kind is None or self.kinds is None or kind in self.kinds
        )


class EventBus:
    """The subscriptions and the delivery. Thread-safe; without subscribers it costs almost nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Every change replaces the whole mapping, so that publishing needs no lock.
        self._subscriptions: tuple[_Subscription, ...] = ()

    @property
    def is_observed(self) -> bool:
        """Whether there are any subscriptions."""
        return bool(self._subscriptions)

    def subscribe(
        self,
        listener: Listener,
        stack_id: str | None = None,
        rate: EventRate | None = None,
        kinds: frozenset[type[Event]] | None = None,
    ) -> None:
        """Deliver the events of one stack, or of all, to `listener`; once, however often it subscribes.

        Args:
            listener: the receiver.
            stack_id: the stack; None for all.
            rate: the most events to deliver; None: all.
            kinds: the wanted kinds; None: all.
        """
        with self._lock:
            theirs = {each.stack_id for each in self._subscriptions if each.listener == listener}
            if None in theirs or stack_id in theirs:
                return
            kept = self._subscriptions
            if stack_id is None:
                kept = tuple(each for each in kept if each.listener != listener)
            self._subscriptions = (*kept, _Subscription(listener, stack_id, rate, kinds))

    def unsubscribe(self, listener: Listener) -> None:
        """End the subscriptions of `listener`."""
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s.listener != listener)

    def wanted(self, stack_id: str, kind: type[Event] | None = None, *, essential: bool = False) -> bool:
        """Whether a subscriber wants this stack's event and its rate allows one more; if not, the event need
        not be made.

        Args:
            stack_id: the stack.
            kind: the event's type; None: one of several.
            essential: whether the event is delivered regardless of rates (see `Event.essential`).
        """
        # A loop, not a generator: this runs a dozen times a cycle.
        for subscription in self._subscriptions:
            if subscription.covers(stack_id, kind) and (
                essential or subscription.rate is None or subscription.rate.allows(stack_id)
            ):
                return True
        return False

    def publish(self, event: Event, *, essential: bool = False) -> None:
        """Deliver `event` to its subscribers. A stopped listener is dropped.

        Args:
            event: the event.
            essential: whether to deliver this one regardless of rates, although its kind is not essential.
        """
        essential = essential or event.essential
        for subscription in self._subscriptions:
            if not subscription.covers(event.stack_id, type(event)):
                continue
            rate = subscription.rate
            if rate is not None and not essential:
                if not rate.allows(event.stack_id):
                    continue
                rate.take(event.stack_id)
            try:
                subscription.listener.tell(event)
            except ActorDeadError:
                self.unsubscribe(subscription.listener)
