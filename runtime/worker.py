"""A dispatcher's thread, and how code marks that it waits on one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from recursor.runtime.right_of_way import RIGHT_OF_WAY

logger = logging.getLogger("recursor.runtime")


class Turns(Protocol):
    """A mailbox, as a worker sees it."""

    def run(self, batch: int) -> None:
        """Handle up to `batch` messages."""
        ...


class WorkSource(Protocol):
    """A dispatcher, as its workers see it."""

    batch: int

    def next_for(self, worker: Worker) -> Turns | None:
        """Wait for the next mailbox to run; None if the worker should end."""
        ...

    def thread_ended(self, worker: Worker) -> None:
        """Account for a thread that ends, and terminate the actor in which it died, if any."""
        ...

    def release(self, worker: Worker) -> bool:
        """Let another thread take this one's slot; returns whether it had one."""
        ...

    def reclaim(self, worker: Worker) -> None:
        """Give a thread that released its slot a slot again."""
        ...


class Worker(threading.Thread):
    """One thread of a dispatcher: it runs the mailboxes that the dispatcher gives it.

    A daemon, so that an actor that blocks it forever does not keep the process from exiting.

    Args:
        source: supplies its mailboxes.
        name: the thread's name.
    """

    def __init__(self, source: WorkSource, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.source = source
        self.wake = threading.Lock()
        self.wake.acquire()
        self.mailbox: Turns | None = None
        """The mailbox that it is running."""
        self.has_slot = True
        """Whether it counts against the limit: not while idle, nor while it waits for others.

        The dispatcher changes it under its lock.
        """

    def run(self) -> None:
        """Run mailboxes until the dispatcher no longer needs this thread."""
        source, batch = self.source, self.source.batch
        try:
            while (mailbox := source.next_for(self)) is not None:
                self.mailbox = mailbox
                if RIGHT_OF_WAY.is_taken:
                    RIGHT_OF_WAY.give_way()
                mailbox.run(batch)
                self.mailbox = None
        except BaseException:
            # Not an actor's failure, which the actor handles, but raised through it, such as SystemExit in
            # `on_start`, or raised in this thread from outside.
            if self.mailbox is not None:
                logger.exception("Thread %s died in an actor; another takes its place", self.name)
            raise
        finally:
            source.thread_ended(self)


class WaitForbiddenError(RuntimeError):
    """Waiting here would never end, because everything runs on this thread, as in a simulation."""


class _Waiting(threading.local):
    is_forbidden = False


_waiting = _Waiting()


@contextmanager
def forbid_waiting() -> Iterator[None]:
    """Make `blocking` raise `WaitForbiddenError` in the code inside, on this thread."""
    before, _waiting.is_forbidden = _waiting.is_forbidden, True
    try:
        yield
    finally:
        _waiting.is_forbidden = before


@contextmanager
def blocking() -> Iterator[None]:
    """Mark code that may wait for others, so that a spare thread takes over meanwhile.

    Without it, actors that wait for actors of the same dispatcher could hold all its threads forever. The
    future's `get` uses it. It does nothing on other threads. A waiting thread does not count against the
    dispatcher's limit; after the wait, the limit may be exceeded until the next turn ends.

    Do not use it to wait for the outside world, as in a model call: there, the limit is the point.

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
