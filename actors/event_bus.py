"""Tells events to those who subscribed to them."""

import threading
from dataclasses import dataclass
from typing import Protocol

from pykka import ActorDeadError

from recursor.actors.event_rate import EventRate
from recursor.domain.events import Event


class Listener(Protocol):
    """Whom events are told: an actor's reference, or anything else that takes them as quickly."""

    def tell(self, message: Event) -> None:
        """Take an event over, at once and on any thread.

        Raises:
            ActorDeadError: it listens no more.
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
    """The subscriptions, and the telling. For any thread; without subscribers it costs next to nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Replaced as a whole by every change, so that who publishes needs no lock.
        self._subscriptions: tuple[_Subscription, ...] = ()

    @property
    def is_observed(self) -> bool:
        """Whether anybody has subscribed to anything."""
        return bool(self._subscriptions)

    def subscribe(
        self,
        listener: Listener,
        stack_id: str | None = None,
        rate: EventRate | None = None,
        kinds: frozenset[type[Event]] | None = None,
    ) -> None:
        """Have the events of one stack, or of all, told to `listener`; once, however often it subscribes.

        Args:
            listener: the receiver.
            stack_id: the stack; None for all.
            rate: how many to tell at most; None: every one.
            kinds: which; None: all kinds.
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
        """Tell `listener` nothing any more."""
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s.listener != listener)

    def wanted(self, stack_id: str, kind: type[Event] | None = None, *, essential: bool = False) -> bool:
        """Whether anybody wants this stack's events, and may have one more: else there is no need to make it.

        Args:
            stack_id: the stack.
            kind: the event's type; None: one of several.
            essential: whether it is about one that nobody is spared (see `Event.essential`).
        """
        # A loop and no generator: this is asked a dozen times a cycle.
        for subscription in self._subscriptions:
            if subscription.covers(stack_id, kind) and (
                essential or subscription.rate is None or subscription.rate.allows(stack_id)
            ):
                return True
        return False

    def publish(self, event: Event, *, essential: bool = False) -> None:
        """Tell `event` to who wants it. A listener that has stopped is forgotten.

        Args:
            event: what happened.
            essential: whether nobody is spared it, though most of its kind are not essential.
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
