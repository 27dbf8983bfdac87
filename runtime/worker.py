"""A dispatcher's thread, and how code that has to wait on one says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from recursor.runtime.right_of_way import RIGHT_OF_WAY

logger = logging.getLogger("recursor.runtime")


class Turns(Protocol):
    """A mailbox, to a worker."""

    def run(self, batch: int) -> None:
        """Handle up to `batch` messages."""
        ...


class WorkSource(Protocol):
    """A dispatcher, to its workers."""

    batch: int

    def next_for(self, worker: Worker) -> Turns | None:
        """Wait for the next mailbox to run; None: the worker is to end."""
        ...

    def thread_ended(self, worker: Worker) -> None:
        """Account for a thread that ends, and terminate the actor that it died in, if any."""
        ...

    def release(self, worker: Worker) -> bool:
        """Let another thread take this one's place; returns whether it had one."""
        ...

    def reclaim(self, worker: Worker) -> None:
        """Give a thread that released its place one again."""
        ...


class Worker(threading.Thread):
    """One thread of a dispatcher: it runs the mailboxes that the dispatcher gives it.

    A daemon, because an actor may block it for ever, and must not keep the process from ending.

    Args:
        source: whose mailboxes it runs.
        name: the thread's name.
    """

    def __init__(self, source: WorkSource, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.source = source
        self.wake = threading.Lock()
        self.wake.acquire()
        self.mailbox: Turns | None = None
        """The one that it is running."""
        self.has_place = True
        """Whether it counts against the limit: not while idle, or while it waits for others.

        The dispatcher changes it under its lock.
        """

    def run(self) -> None:
        """Run mailboxes until the dispatcher has no more use for this thread."""
        source, batch = self.source, self.source.batch
        try:
            while (mailbox := source.next_for(self)) is not None:
                self.mailbox = mailbox
                if RIGHT_OF_WAY.is_taken:
                    RIGHT_OF_WAY.give_way()
                mailbox.run(batch)
                self.mailbox = None
        except BaseException:
            # Not an actor's failure, which ends in the actor, but raised through it, as by SystemExit
            # in `on_start`, or into this thread from outside.
            if self.mailbox is not None:
                logger.exception("Thread %s died in an actor; another takes its place", self.name)
            raise
        finally:
            source.thread_ended(self)


class WaitForbiddenError(RuntimeError):
    """The code would wait for ever, because everything happens on its own thread, as in a simulation."""


class _Waiting(threading.local):
    is_forbidden = False


_waiting = _Waiting()


@contextmanager
def forbid_waiting() -> Iterator[None]:
    """Have `blocking` raise `WaitForbiddenError` in the code inside, on this thread."""
    before, _waiting.is_forbidden = _waiting.is_forbidden, True
    try:
        yield
    finally:
        _waiting.is_forbidden = before


@contextmanager
def blocking() -> Iterator[None]:
    """Mark code that may wait for others, so that a spare thread does the dispatcher's work meanwhile.

    Without it, actors that wait for actors of the same dispatcher could hold all its threads, for ever. The
    future's `get` uses it. Does nothing on a thread that is no dispatcher's. While the wait lasts the thread
    does not count against the dispatcher's limit; after it, the limit may be exceeded until the next turn
    ends.

    Not for waiting on the outside world, as in a model call: there, the limit is the point.

    Raises:
        WaitForbiddenError: this thread must not wait: see `forbid_waiting`.

    Source: managed blocking, as in Java's `ForkJoinPool.ManagedBlocker`.
    """
    if _waiting.is_forbidden:
        raise WaitForbiddenError("nothing else can happen while this thread waits: use a callback, or await")
    worker = threading.current_thread()
    if not isinstance(worker, Worker) or not worker.source.release(worker):
        yield
        return
    try:
        yield
    finally:
        worker.source.reclaim(worker)
