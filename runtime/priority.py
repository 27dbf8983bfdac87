"""A dispatcher that runs the most urgent first: the one for agents."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from pykka._envelope import Envelope
from pykka.messages import _ActorStop  # pykka has no public name for the message that stops an actor

from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.mailbox import DEFAULT_PRIORITY, Mailbox

LOWEST = 0
# Runs that may wait in line, each on a thread, with some 100 KB: a long line is not to take the memory.
# Or as many as there are places, if that is more.
MOST_ASIDE = 256
STOP_PRIORITY = 11
"""Above all runs: stopping an actor takes no time, and gives back what it holds."""


def message_priority(message: object) -> int:
    """Tell how urgent a message is.

    Args:
        message: any message.

    Returns:
        Its attribute `priority`, from 0 to the most urgent of runs, 10; if it has none, 5; for a stop, 11.
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
        priority: tells how urgent a message is, from 0 to 11, higher being sooner. It is called by the
        sender, and
            so must be quick and not raise.
    """

    batch: ClassVar[int] = 1
    """Each message has its own priority, and so its own place in the queue."""

    def __init__(self, threads: int, name: str, priority: Callable[[Any], int] = message_priority) -> None:
        super().__init__(threads, name)
        self.priority = priority
        self._ready = self.ready = ReadyByPriority()

    def mailbox(self) -> PriorityMailbox:
        """Make the inbox for an actor that is to run here."""
        return PriorityMailbox(self)

    @property
    def aside(self) -> int:
        """How many runs wait for others, and have given up their place meanwhile."""
        with self.lock:
            return sum(not worker.counted and len(worker.running) for worker in self._workers)

    @property
    def is_crowded(self) -> bool:
        """Whether as many runs wait so as may."""
        return self.aside >= max(MOST_ASIDE, self.threads)


class PriorityMailbox(Mailbox):
    """A mailbox that knows how urgent the messages in it are.

    Args:
        dispatcher: the one to run the actor.
    """

    __slots__ = ("_waiting", "standing", "ticket")

    dispatcher: PriorityDispatcher
    returns: ClassVar[bool] = False
    """Whether it is somebody's who has had a place before, and goes before others of its priority."""

    def __init__(self, dispatcher: PriorityDispatcher) -> None:
        super().__init__(dispatcher)
        self._waiting: list[int] = []
        # Both belong to the ready queue.
        self.ticket: list[PriorityMailbox] = []
        self.standing = LOWEST

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message, and have the actor run if it is idle, or move it forward if it waits.

        Args:
            envelope: the message and the future to answer.
        """
        priority = min(max(self.dispatcher.priority(envelope.message), LOWEST), STOP_PRIORITY)
        # Before the message can be taken, so that `get` finds what it removes.
        self._waiting.append(priority)
        self._envelopes.put(_PriorityEnvelope(envelope, priority))
        if self._turn.acquire(False):
            self.dispatcher.schedule(self)
        else:
            self.dispatcher.ready.promote(self, priority)

    def get(self) -> Envelope[Any]:
        """Take the oldest message.

        Returns:
            The message and the future to answer.

        Raises:
            queue.Empty: there is none.
        """
        envelope = super().get()
        assert isinstance(envelope, _PriorityEnvelope)
        self._waiting.remove(envelope.priority)
        return envelope

    @property
    def priority(self) -> int:
        """The highest priority among the waiting messages."""
        return max(self._waiting, default=DEFAULT_PRIORITY)


class _PriorityEnvelope(Envelope[Any]):
    """A message with its priority, which is asked for once: the answer may depend on more than the
    message."""

    __slots__ = ("priority",)

    def __init__(self, envelope: Envelope[Any], priority: int) -> None:
        super().__init__(envelope.message, envelope.reply_to)
        self.priority = priority


class ReadyByPriority:
    """The mailboxes that wait for a thread, the most urgent first: one queue for each priority.

    What is queued is a ticket, a list that holds the mailbox. One that becomes more urgent has its ticket put
    into another queue as well; who takes the mailbox out of the ticket has it, and a ticket found empty is
    skipped. So each step is atomic, and there is no lock."""

    def __init__(self) -> None:
        self._queues: list[deque[list[PriorityMailbox]]] = [deque() for _ in range(LOWEST, STOP_PRIORITY + 1)]
        self._most_urgent_first = self._queues[::-1]

    def append(self, mailbox: Mailbox, /) -> None:
        """Queue a mailbox that is not queued, behind those of the same priority."""
        assert isinstance(mailbox, PriorityMailbox)
        # Before the ticket, and the ticket before the look at the priority: a message that arrives meanwhile
        # either is seen in it, or finds the ticket and moves it. It may then be in two queues, which does no
        # harm.
        mailbox.standing = LOWEST
        mailbox.ticket = ticket = [mailbox]
        mailbox.standing = priority = mailbox.priority
        if mailbox.returns:
            self._queues[priority].appendleft(ticket)
        else:
            self._queues[priority].append(ticket)

    def promote(self, mailbox: PriorityMailbox, priority: int) -> None:
        """Move a mailbox forward, if it is queued and that is higher than its priority so far."""
        ticket = mailbox.ticket
        if ticket and priority > mailbox.standing:
            mailbox.standing = priority
            self._queues[priority].append(ticket)

    def popleft(self) -> Mailbox:
        """Take the most urgent mailbox; raises IndexError if there is none."""
        for queue in self._most_urgent_first:
            while queue:
                try:
                    return queue.popleft().pop()
                except IndexError:
                    # The ticket was empty, or another thread took the last one.
                    continue
        raise IndexError("no mailbox is ready")

    def remove(self, mailbox: Mailbox, /) -> None:
        """Take a mailbox out; raises ValueError if it is not queued."""
        assert isinstance(mailbox, PriorityMailbox)
        try:
            mailbox.ticket.pop()
        except IndexError:
            raise ValueError("the mailbox is not ready") from None

    def __bool__(self) -> bool:
        return any(self._queues)

    def __len__(self) -> int:
        return len({id(ticket) for queue in self._queues for ticket in list(queue) if ticket})
