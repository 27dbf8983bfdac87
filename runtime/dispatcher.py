"""Threads that many actors share."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from recursor.runtime.mailbox import Mailbox
from recursor.runtime.worker import Worker, blocking

if TYPE_CHECKING:
    from pykka import ActorRef

logger = logging.getLogger("recursor.runtime")


class Load(NamedTuple):
    """What a dispatcher has to do at one moment."""

    queued: int
    """Actors that have messages and wait for a thread."""

    running: int
    """Actors that are handling messages, and do not wait for others in the middle of it."""

    abandoned: int
    """Threads that are stuck in actors which were given up, and do not count against the limit."""


class ReadyQueue(Protocol):
    """The mailboxes that wait for a thread; a `deque` is one. Each method is atomic, without a lock."""

    def append(self, mailbox: Mailbox, /) -> None: ...
    def popleft(self) -> Mailbox: ...
    def remove(self, mailbox: Mailbox, /) -> None: ...
    def __len__(self) -> int: ...


class Dispatcher:
    """A few threads that run many actors, each actor in at most one thread at a time, in the order of its
    messages.

    Threads are started when there is work for them, and wait without using the CPU when there is none. Actors
    on it should not block, but if they wait for a future of ours, a spare thread is started, and nothing
    stands still.

    Mailboxes are queued and taken with atomic operations. A lock is only for threads that come and go: if
    every turn took it, each thread would soon find it held by one that waits for the interpreter, and would
    make that one run by waiting, at 10 microseconds a time (a lock convoy; it was measured to cost two thirds
    of the speed). No wake-up is lost without it: a sender queues the mailbox before it looks whether a thread
    is missing, and a thread says that it is missing before it looks into the queue once more.

    Args:
        threads: how many threads at most run actors at a time.
        name: what the threads' names begin with.

    Raises:
        ValueError: `threads` is less than 1.

    Source: Akka's dispatchers, https://doc.akka.io/docs/akka/current/typed/dispatchers.html
    """

    batch: ClassVar[int] = 16
    """How many messages an actor may handle before others have their turn.

    A turn costs about as much as two small messages, so longer batches gain little; and with messages of 0.1
    ms an actor waits at most 1.6 ms for each one before it in the queue. Akka's default is 5. """

    def __init__(self, threads: int, name: str) -> None:
        if threads < 1:
            raise ValueError(f"dispatcher {name!r} needs at least 1 thread, not {threads}")
        self.threads = threads
        self.name = name
        self._ready: ReadyQueue = deque()
        # Re-entrant: the garbage collector may run a finalizer in the middle of anything, and that may tell
        # an actor something. Therefore each change below is complete before `_wake_one` looks at it.
        self.lock = threading.RLock()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._abandoned: set[Worker] = set()
        # Threads that count against the limit; fewer, and the next sender takes the way that looks after
        # threads.
        self._counted = 0
        self._wanted = threads
        self._closing = False
        self._closed = False
        self._serial = count(1)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.threads} threads>"

    @property
    def load(self) -> Load:
        """How many actors wait and run, and how many threads are lost to abandoned ones."""
        with self.lock:
            running = sum(worker.counted and len(worker.running) for worker in self._workers)
            return Load(len(self._ready), running, len(self._abandoned))

    def mailbox(self) -> Mailbox:
        """Make the inbox for an actor that is to run here."""
        return Mailbox(self)

    def schedule(self, mailbox: Mailbox) -> None:
        """Put a mailbox at the end of the queue; only for the mailbox itself, when it has the turn.

        On a dispatcher that was shut down, the actor is ended instead: nobody waits for ever for an answer.

        Args:
            mailbox: what to run.
        """
        self._ready.append(mailbox)
        if self._counted < self._wanted:
            self._look_after_threads()

    def abandon(self, ref: ActorRef[Any]) -> bool:
        """Give up an actor at once, even if it is stuck in a message.

        It is dead from now on: what it was asked is answered with `ActorDeadError`, and neither `on_stop` nor
        `on_failure` is called, because its own code may be running still. The stuck thread no longer counts
        against the limit; it ends when that code returns, and what it returns is dropped.

        Args:
            ref: the actor, which must be one of this dispatcher's.

        Returns:
            Whether it was handling a message, so that a thread was given up with it.

        Raises:
            ValueError: the actor does not run on this dispatcher.
        """
        mailbox = ref.actor_inbox
        if not isinstance(mailbox, Mailbox) or mailbox.dispatcher is not self:
            raise ValueError(f"{ref} does not run on dispatcher {self.name!r}: abandon it on its own")
        # First, so that a worker which takes it up from now on finds nothing to run.
        actor = mailbox.close()
        with contextlib.suppress(ValueError):
            self._ready.remove(mailbox)
        with self.lock:
            stuck = next((worker for worker in self._workers if worker.give_up(mailbox)), None)
            if stuck is not None:
                self._workers.discard(stuck)
                self._abandoned.add(stuck)
                self._discount(stuck)
                self._wake_one()
        mailbox.bury(actor)
        return stuck is not None

    def shutdown(self, timeout: float | None = None) -> bool:
        """Let the threads handle what is queued, and end them.

        Stop the actors first: those that still run are not told. An actor that gets a message later is ended
        without a call of its `on_stop`, and the message is answered with `ActorDeadError`. Abandoned threads
        are not waited for. On one of its own threads this returns when the others have ended, and that one
        ends after its turn.

        Args:
            timeout: seconds to wait at most, after which what is still queued is refused; None for no limit.

        Returns:
            Whether all threads have ended.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            self._closing = True
            while self._idle:
                self._rouse(self._idle.pop())
            self._close_when_done()
        while (other := self._another_worker()) is not None:
            with blocking():
                other.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if other.is_alive():
                with self.lock:
                    self._close()
                self._refuse_queued()
                return False
        return True

    def next_for(self, worker: Worker) -> Mailbox | None:
        """Wait for the next mailbox to run, or None if the worker is to end; only for the worker itself."""
        while True:
            # More than the limit: one that waited in a future is back, and this one gives way.
            # Or its place is another's now.
            if worker.counted and self._counted <= self._wanted:
                with contextlib.suppress(IndexError):
                    return self._ready.popleft()
            with self.lock:
                self._discount(worker)
                superfluous = self._closing or len(self._idle) >= self.threads
                if not superfluous:
                    self._idle.append(worker)
                self._wake_one()
                if superfluous:
                    return None
            worker.wake.acquire()

    def ended(self, worker: Worker) -> None:
        """Account for a thread that ends, and end the actor it died in; only for the worker itself."""
        try:
            died_in = worker.running.pop()
        except IndexError:
            died_in = None
        with self.lock:
            self._workers.discard(worker)
            self._abandoned.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)
            self._discount(worker)
            self._close_when_done()
            self._wake_one()
        if died_in is not None:
            died_in.bury(died_in.close())

    def waits(self, worker: Worker) -> bool:
        """Let another thread do the work while this one waits; only for `blocking`.

        Returns:
            Whether `waited` is to be called: not, if the worker did not count anyway.
        """
        with self.lock:
            if not worker.counted:
                return False
            self._discount(worker)
            self._wake_one()
            return True

    def waited(self, worker: Worker) -> None:
        """Count a thread again that has waited; only for `blocking`."""
        with self.lock:
            if worker in self._workers:
                worker.counted = True
                self._counted += 1

    def hand_over(self, worker: Worker) -> None:
        """Count a thread that has waited instead of the one that calls this, whose turn ends."""
        mine = threading.current_thread()
        with self.lock:
            if worker in self._workers and not worker.counted:
                worker.counted = True
                self._counted += 1
                if isinstance(mine, Worker):
                    self._discount(mine)

    # What follows is called with the lock held.

    def _discount(self, worker: Worker) -> None:
        if worker.counted:
            worker.counted = False
            self._counted -= 1

    def _rouse(self, worker: Worker) -> None:
        worker.counted = True
        self._counted += 1
        worker.wake.release()

    def _wake_one(self) -> None:
        """Use a free place in the limit, if there is work for it.

        One is enough, each time that work arrives or a place becomes free: a worker that found work stays
        until there is none."""
        if not self._ready or self._counted >= self.threads:
            return
        if self._idle:
            self._rouse(self._idle.pop())
            return
        worker = Worker(self, f"{self.name}-{next(self._serial)}")
        self._workers.add(worker)
        self._counted += 1
        try:
            worker.start()
        except RuntimeError:
            self._workers.discard(worker)
            self._counted -= 1
            logger.exception("%s could not start a thread; %d run", self, len(self._workers))

    def _close_when_done(self) -> None:
        if self._closing and not self._workers and not self._ready:
            self._close()

    def _close(self) -> None:
        self._closed = True
        # From now on every sender looks after threads, finds that there are none, and refuses.
        self._wanted = sys.maxsize

    # What follows takes the lock itself.

    def _look_after_threads(self) -> None:
        with self.lock:
            if not self._closed:
                self._wake_one()
                return
        self._refuse_queued()

    def _refuse_queued(self) -> None:
        while True:
            try:
                mailbox = self._ready.popleft()
            except IndexError:
                return
            mailbox.bury(mailbox.close())

    def _another_worker(self) -> Worker | None:
        with self.lock:
            me = threading.current_thread()
            return next((worker for worker in self._workers if worker is not me), None)
