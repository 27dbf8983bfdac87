"""A dispatcher that runs the most urgent first: the one for agents."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from pykka.messages import _ActorStop  # pykka has no public name for the message that stops an actor

from recursor.actors.dispatcher import Dispatcher
from recursor.actors.mailbox import DEFAULT_PRIORITY, Mailbox

if TYPE_CHECKING:
    from pykka._envelope import Envelope

STOP_PRIORITY = 11
"""Above all runs: stopping an actor takes no time, and gives back what it holds."""


def message_priority(message: object) -> int:
    """Tell how urgent a message is.

    Args:
        message: any message.

    Returns:
        Its attribute `priority`, 10 being the most urgent of runs; 5 if it has none; 11 for a stop.
    """
    if isinstance(message, _ActorStop):
        return STOP_PRIORITY
    priority = getattr(message, "priority", None)
    return priority if isinstance(priority, int) else DEFAULT_PRIORITY


class PriorityDispatcher(Dispatcher):
    """A dispatcher on which actors may block, and wait for a thread in the order of their messages'
    priorities.

    Its number of threads is the limit on how many agents run at a time. An actor waits with the highest
    priority among its messages, those of equal priority in the order of their arrival; its own messages stay
    in order, so an urgent one takes along those before it.

    Args:
        threads: how many actors at most run at a time.
        name: what the threads' names begin with.
        priority: tells how urgent a message is, higher being sooner. It is called by the sender, and so must
        be
            quick and not raise.
    """

    batch: ClassVar[int] = 1
    """Each message has its own priority, and so its own place in the queue."""

    def __init__(self, threads: int, name: str, priority: Callable[[Any], int] = message_priority) -> None:
        super().__init__(threads, name)
        self.priority = priority
        self._by_priority = _ReadyByPriority()
        self._ready = self._by_priority

    def mailbox(self) -> Mailbox:
        """Make the inbox for an actor that is to run here."""
        return PriorityMailbox(self)

    def promote(self, mailbox: PriorityMailbox) -> None:
        """Move a mailbox that waits forward, if it got a more urgent message; only for the mailbox itself.

        Args:
            mailbox: which one.
        """
        with self._lock:
            self._by_priority.promote(mailbox)


class PriorityMailbox(Mailbox):
    """A mailbox that knows how urgent the messages in it are.

    Args:
        dispatcher: the one to run the actor.
    """

    __slots__ = ("_waiting",)

    dispatcher: PriorityDispatcher

    def __init__(self, dispatcher: PriorityDispatcher) -> None:
        super().__init__(dispatcher)
        self._waiting: list[int] = []

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message, and have the actor run if it is idle.

        Args:
            envelope: the message and the future to answer.
        """
        # Before the message can be taken, so that `get` finds what it removes.
        self._waiting.append(self.dispatcher.priority(envelope.message))
        self._envelopes.put(envelope)
        if self._turn.acquire(False):
            self.dispatcher.schedule(self)
        else:
            self.dispatcher.promote(self)

    def get(self) -> Envelope[Any]:
        """Take the oldest message.

        Returns:
            The message and the future to answer.

        Raises:
            queue.Empty: there is none.
        """
        envelope = super().get()
        self._waiting.remove(self.dispatcher.priority(envelope.message))
        return envelope

    @property
    def priority(self) -> int:
        """The highest priority among the waiting messages."""
        return max(self._waiting, default=DEFAULT_PRIORITY)


class _Place:
    """Where a mailbox stands in the queue."""

    __slots__ = ("arrival", "mailbox", "priority")

    def __init__(self, priority: int, arrival: int, mailbox: Mailbox) -> None:
        self.priority = priority
        self.arrival = arrival
        self.mailbox: Mailbox | None = mailbox

    def __lt__(self, other: _Place) -> bool:
        return (-self.priority, self.arrival) < (-other.priority, other.arrival)


class _ReadyByPriority:
    """Mailboxes, the most urgent first.

    A mailbox that leaves or moves forward leaves its old place empty, to be skipped when it comes up: see the
    implementation notes in the documentation of `heapq`.
    """

    def __init__(self) -> None:
        self._heap: list[_Place] = []
        self._places: dict[Mailbox, _Place] = {}
        self._arrivals = count()

    def append(self, mailbox: Mailbox, /) -> None:
        place = _Place(mailbox.priority, next(self._arrivals), mailbox)
        self._places[mailbox] = place
        heapq.heappush(self._heap, place)

    def promote(self, mailbox: Mailbox) -> None:
        place = self._places.get(mailbox)
        if place is not None and mailbox.priority > place.priority:
            place.mailbox = None
            self.append(mailbox)

    def popleft(self) -> Mailbox:
        while (mailbox := heapq.heappop(self._heap).mailbox) is None:
            pass
        del self._places[mailbox]
        return mailbox

    def remove(self, mailbox: Mailbox, /) -> None:
        self._places.pop(mailbox).mailbox = None

    def clear(self) -> None:
        self._heap.clear()
        self._places.clear()

    def __contains__(self, mailbox: object, /) -> bool:
        return mailbox in self._places

    def __iter__(self) -> Iterator[Mailbox]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
