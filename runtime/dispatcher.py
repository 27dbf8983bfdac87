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

# Every 64th mailbox that would go first waits for its turn instead, so that no other is starved.
FAIR = 64


class Dispatcher:
    """A few threads that run many actors, each actor in at most one thread at a time, in the order of its
    messages.

    Urgent mailboxes come first. Next come actors that got a message from an actor running here: their data is
    in the processor's caches, and a conversation between actors need not wait for all others at each step.
    Neither can starve the others.

    Threads are started on demand and use no CPU while idle. Actors should not block; but while one waits for
    a `DispatchedFuture`, a spare thread takes over.

    Mailboxes are queued and taken with atomic operations. Only threads that start, wait or end take a lock.
    If every turn took it, its holder would often be waiting for the interpreter, and each handover would cost
    10 microseconds (a lock convoy; measured, it costs two thirds of the speed). No wake-up is lost: a sender
    queues the mailbox before it checks for an idle thread, and a thread marks itself idle before it checks
    the queue once more.

    Args:
        threads: the most threads that run actors at a time.
        name: prefix of the threads' names.

    Raises:
        ValueError: `threads` is less than 1.

    Source: Akka's dispatchers, https://doc.akka.io/docs/akka/current/typed/dispatchers.html
    """

    batch: int = 16
    """How many messages an actor may handle in one turn.

A turn costs about as much as two small messages, so longer batches gain little. With messages of 0.1 ms, an
actor waits at most 1.6 ms for each actor ahead of it. Akka's default is 5.
"""

    def __init__(self, threads: int, name: str) -> None:
        if threads < 1:
            raise ValueError(f"dispatcher {name!r} needs at least 1 thread, not {threads}")
        self.threads = threads
        self.name = name
        self._ready: deque[Mailbox] = deque()
        self._urgent: deque[Mailbox] = deque()
        # Count the mailboxes that would go first.
        self._told, self._hurried = count(), count()
        self._own_threads: set[int] = set()
        # Re-entrant: the garbage collector may run a finalizer at any point, and a finalizer may send a
        # message. So each change below is complete before `_wake_one` reads it.
        self._lock = threading.RLock()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        # Threads that count against the limit. If there are fewer, the next sender takes the slow path, which
        # starts or wakes one.
        self._slots_taken = 0
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
            running = sum(worker.has_slot and worker.mailbox is not None for worker in self._workers)
            return Load(len(self._urgent) + len(self._ready), running, abandoned=0)

    def mailbox(self) -> Mailbox:
        """Make the inbox for an actor that will run here."""
        return Mailbox(self)

    def schedule(self, mailbox: Mailbox, /, *, again: bool = False) -> None:
        """Queue a mailbox; only for the mailbox itself, when it has the turn.

        After a shutdown, the actor is terminated instead, so that no asker waits forever.

        Args:
            mailbox: the one to run.
            again: whether it has just run, so that others come first.
        """
        if again:
            self._ready.append(mailbox)
        elif mailbox.urgent:
            self._urgent.append(mailbox)
        elif get_ident() in self._own_threads and next(self._told) % FAIR:
            self._ready.appendleft(mailbox)
        else:
            self._ready.append(mailbox)
        if self._slots_taken < self._wanted:
            self._ensure_thread()

    def shutdown(self, timeout: float | None = None) -> bool:
        """Handle all queued messages, then end the threads.

        Stop the actors first: this does not notify those that still run. An actor that gets a message later
        is ended without a call of `on_stop`, and the message is answered with `ActorDeadError`. Called on one
        of the dispatcher's own threads, this returns when the others have ended; that thread ends after its
        turn.

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
        """Wait for the next mailbox to run; None if the worker should end. Only for the worker itself."""
        while True:
            # Above the limit: a thread is back from waiting for a future, and this one gives way.
            if self._slots_taken <= self._wanted:
                try:
                    if self._urgent and next(self._hurried) % FAIR:
                        return self._urgent.popleft()
                    return self._ready.popleft()
                except IndexError:
                    if self._urgent or self._ready:
                        # Another thread took the last mailbox of the queue just checked.
                        continue
            with self._lock:
                self._free_slot_of(worker)
                superfluous = self._closing or len(self._idle) >= self.threads
                if not superfluous:
                    self._idle.append(worker)
                self._wake_one()
                if superfluous:
                    return None
            worker.wake.acquire()

    def thread_ended(self, worker: Worker) -> None:
        """Account for a thread that ends, and terminate the actor in which it died; only for the worker
        itself."""
        died_in, worker.mailbox = worker.mailbox, None
        with self._lock:
            self._workers.discard(worker)
            self._own_threads.discard(get_ident())
            if worker in self._idle:
                self._idle.remove(worker)
            self._free_slot_of(worker)
            self._close_when_done()
            self._wake_one()
        if isinstance(died_in, Mailbox):
            died_in.terminate()

    def release(self, worker: Worker) -> bool:
        """Let another thread take over while this one waits; only for `blocking`.

        Returns:
            Whether to call `reclaim`: no if the worker had already released its slot.
        """
        with self._lock:
            if not worker.has_slot:
                return False
            self._free_slot_of(worker)
            self._wake_one()
            return True

    def reclaim(self, worker: Worker) -> None:
        """Count a thread again that has finished waiting; only for `blocking`."""
        with self._lock:
            worker.has_slot = True
            self._slots_taken += 1

    # The methods below are called with the lock held.

    def _free_slot_of(self, worker: Worker) -> None:
        if worker.has_slot:
            worker.has_slot = False
            self._slots_taken -= 1

    def _wake(self, worker: Worker) -> None:
        worker.has_slot = True
        self._slots_taken += 1
        worker.wake.release()

    def _wake_one(self) -> None:
        """Start or wake a thread if the limit allows it and there is work.

        One at a time is enough, whenever work arrives or a slot becomes free: a worker stays until there is
        no work left."""
        if not (self._urgent or self._ready) or self._slots_taken >= self.threads:
            return
        if self._idle:
            self._wake(self._idle.pop())
            return
        worker = Worker(self, f"{self.name}-{next(self._serial)}")
        self._workers.add(worker)
        self._slots_taken += 1
        try:
            worker.start()
            self._own_threads.add(worker.ident or 0)
        except RuntimeError:
            self._workers.discard(worker)
            self._slots_taken -= 1
            logger.exception("%s could not start a thread; %d run", self, len(self._workers))

    def _close_when_done(self) -> None:
        if self._closing and not (self._workers or self._urgent or self._ready):
            self._close()

    def _close(self) -> None:
        self._closed = True
        # From now on every sender takes the slow path, finds no threads, and terminates its actor.
        self._wanted = sys.maxsize

    # The methods below take the lock themselves.

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
