"""Threads that many actors share."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from itertools import count
from threading import get_ident

from recursor.runtime.interfaces import Load
from recursor.runtime.mailbox import Mailbox
from recursor.runtime.worker import Worker, blocking

logger = logging.getLogger("recursor.runtime")

# One of so many that would go first waits for its turn like all others.
FAIR = 64


class Dispatcher:
    """A few threads that run many actors, each actor in at most one thread at a time, in the order of its
    messages.

    Urgent mailboxes come first. An actor that is told something by one that runs here comes next, before
    those that wait: what the two work at is in the processor's caches, and a conversation of actors does not
    wait for all others at each step. Neither keeps the others waiting for ever.

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
        name: prefix of the threads' names.

    Raises:
        ValueError: `threads` is less than 1.

    Source: Akka's dispatchers, https://doc.akka.io/docs/akka/current/typed/dispatchers.html
    """

    batch: int = 16
    """How many messages an actor may handle before others have their turn.

    A turn costs about as much as two small messages, so longer batches gain little; and with messages of 0.1
    ms an actor waits at most 1.6 ms for each one before it in the queue. Akka's default is 5. """

    def __init__(self, threads: int, name: str) -> None:
        if threads < 1:
            raise ValueError(f"dispatcher {name!r} needs at least 1 thread, not {threads}")
        self.threads = threads
        self.name = name
        self._ready: deque[Mailbox] = deque()
        self._urgent: deque[Mailbox] = deque()
        # Count those that go first.
        self._told, self._hurried = count(), count()
        self._own_threads: set[int] = set()
        # Re-entrant: the garbage collector may run a finalizer in the middle of anything, and that may tell
        # an actor something. Therefore each change below is complete before `_wake_one` looks at it.
        self._lock = threading.RLock()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        # Threads that count against the limit; fewer, and the next sender takes the way that looks after
        # threads.
        self._placed = 0
        self._wanted = threads
        self._closing = False
        self._closed = False
        self._serial = count(1)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.threads} threads>"

    @property
    def load(self) -> Load:
        """How many actors wait for a thread, and how many run."""
        with self._lock:
            running = sum(worker.has_place and worker.mailbox is not None for worker in self._workers)
            return Load(len(self._urgent) + len(self._ready), running, abandoned=0)

    def mailbox(self) -> Mailbox:
        """Make the inbox for an actor that is to run here."""
        return Mailbox(self)

    def schedule(self, mailbox: Mailbox, /, *, again: bool = False) -> None:
        """Queue a mailbox; only for the mailbox itself, when it has the turn.

        On a dispatcher that was shut down, the actor is terminated: no asker waits for ever.

        Args:
            mailbox: the one to run.
            again: whether it has just run, and others are to have their turn first.
        """
        if again:
            self._ready.append(mailbox)
        elif mailbox.urgent:
            self._urgent.append(mailbox)
        elif get_ident() in self._own_threads and next(self._told) % FAIR:
            self._ready.appendleft(mailbox)
        else:
            self._ready.append(mailbox)
        if self._placed < self._wanted:
            self._ensure_thread()

    def shutdown(self, timeout: float | None = None) -> bool:
        """Let the threads handle all queued messages, and end them.

        Stop the actors first: those that still run are not told. An actor that gets a message later is ended
        without a call of its `on_stop`, and the message is answered with `ActorDeadError`. On one of its own
        threads this returns when the others have ended, and that one ends after its turn.

        Args:
            timeout: seconds to wait at most, after which actors that are still queued are terminated; None
                for no limit.

        Returns:
            Whether all threads have ended.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            self._closing = True
            while self._idle:
                self._wake(self._idle.pop())
            self._close_when_done()
        while (other := self._another_worker()) is not None:
            with blocking():
                other.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if other.is_alive():
                with self._lock:
                    self._close()
                self._terminate_queued()
                return False
        return True

    def next_for(self, worker: Worker) -> Mailbox | None:
        """Wait for the next mailbox to run, or None if the worker is to end; only for the worker itself."""
        while True:
            # More than the limit: one that waited in a future is back, and this one gives way.
            if self._placed <= self._wanted:
                try:
                    if self._urgent and next(self._hurried) % FAIR:
                        return self._urgent.popleft()
                    return self._ready.popleft()
                except IndexError:
                    if self._urgent or self._ready:
                        # The last one of the queue that was looked into went to another thread.
                        continue
            with self._lock:
                self._unplace(worker)
                superfluous = self._closing or len(self._idle) >= self.threads
                if not superfluous:
                    self._idle.append(worker)
                self._wake_one()
                if superfluous:
                    return None
            worker.wake.acquire()

    def thread_ended(self, worker: Worker) -> None:
        """Account for a thread that ends, and terminate the actor it died in; only for the worker itself."""
        died_in, worker.mailbox = worker.mailbox, None
        with self._lock:
            self._workers.discard(worker)
            self._own_threads.discard(get_ident())
            if worker in self._idle:
                self._idle.remove(worker)
            self._unplace(worker)
            self._close_when_done()
            self._wake_one()
        if isinstance(died_in, Mailbox):
            died_in.terminate()

    def release(self, worker: Worker) -> bool:
        """Let another thread do the work while this one waits; only for `blocking`.

        Returns:
            Whether `reclaim` is to be called: not, if the worker had released its place already.
        """
        with self._lock:
            if not worker.has_place:
                return False
            self._unplace(worker)
            self._wake_one()
            return True

    def reclaim(self, worker: Worker) -> None:
        """Count a thread again that has waited; only for `blocking`."""
        with self._lock:
            worker.has_place = True
            self._placed += 1

    # What follows is called with the lock held.

    def _unplace(self, worker: Worker) -> None:
        if worker.has_place:
            worker.has_place = False
            self._placed -= 1

    def _wake(self, worker: Worker) -> None:
        worker.has_place = True
        self._placed += 1
        worker.wake.release()

    def _wake_one(self) -> None:
        """Use a free place in the limit, if there is work for it.

        One is enough, each time that work arrives or a place becomes free: a worker that found work stays
        until there is none."""
        if not (self._urgent or self._ready) or self._placed >= self.threads:
            return
        if self._idle:
            self._wake(self._idle.pop())
            return
        worker = Worker(self, f"{self.name}-{next(self._serial)}")
        self._workers.add(worker)
        self._placed += 1
        try:
            worker.start()
            self._own_threads.add(worker.ident or 0)
        except RuntimeError:
            self._workers.discard(worker)
            self._placed -= 1
            logger.exception("%s could not start a thread; %d run", self, len(self._workers))

    def _close_when_done(self) -> None:
        if self._closing and not (self._workers or self._urgent or self._ready):
            self._close()

    def _close(self) -> None:
        self._closed = True
        # From now on every sender looks after threads, finds that there are none, and terminates its actor.
        self._wanted = sys.maxsize

    # What follows takes the lock itself.

    def _ensure_thread(self) -> None:
        with self._lock:
            if not self._closed:
                self._wake_one()
                return
        self._terminate_queued()

    def _terminate_queued(self) -> None:
        while True:
            try:
                mailbox = (self._urgent or self._ready).popleft()
            except IndexError:
                if self._urgent or self._ready:
                    continue
                return
            mailbox.terminate()

    def _another_worker(self) -> Worker | None:
        with self._lock:
            me = threading.current_thread()
            return next((worker for worker in self._workers if worker is not me), None)
