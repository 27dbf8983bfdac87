"""A dispatcher's threads, and how code that has to wait on one of them says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recursor.actors.dispatcher import Dispatcher
    from recursor.actors.mailbox import Mailbox

logger = logging.getLogger("recursor.actors")


class Worker(threading.Thread):
    """One thread of a dispatcher: it runs the mailboxes that the dispatcher gives it.

    A daemon thread, because an abandoned one may be stuck for ever and must not keep the process from ending.
    Its fields belong to the dispatcher, which changes them only under its lock.

    Args:
        dispatcher: whose mailboxes it runs.
        name: the thread's name.
    """

    mailbox: Mailbox | None = None
    """What it is running, or None between two turns."""

    counted = True
    """Whether it counts against the dispatcher's limit: not while idle, while it waits, or once abandoned."""

    abandoned = False
    """Whether it is to end quietly as soon as the code it is stuck in returns."""

    def __init__(self, dispatcher: Dispatcher, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.dispatcher = dispatcher
        self.wake = threading.Lock()
        self.wake.acquire()

    def run(self) -> None:
        """Run mailboxes until the dispatcher has no more use for this thread."""
        dispatcher = self.dispatcher
        batch = dispatcher.batch
        try:
            while (mailbox := dispatcher.next_for(self)) is not None:
                mailbox.run(batch)
        except BaseException:
            # Not the actors' failures, which end in the actor: what is raised through them, as by SystemExit
            # in `on_start`, or from outside into this thread.
            if not self.abandoned:
                logger.error("%s died; another thread takes its place", self.name, exc_info=True)
                raise
        finally:
            dispatcher.ended(self)


@contextmanager
def blocking() -> Iterator[None]:
    """Say that the code inside may wait for others, so that a spare thread does the dispatcher's work
    meanwhile.

    Without it, actors that wait for actors of the same dispatcher could hold all its threads, for ever. The
    future's `get` uses it. Does nothing on a thread that is no dispatcher's. While the wait lasts the thread
    does not count against the dispatcher's limit; after it, the limit may be exceeded until the next turn
    ends.

    Not for waiting on the outside world, as in a model call: there, the limit is the point.

    Source: managed blocking, as in Java's `ForkJoinPool.ManagedBlocker`.
    """
    worker = threading.current_thread()
    if not isinstance(worker, Worker) or not worker.dispatcher.waits(worker):
        yield
        return
    try:
        yield
    finally:
        worker.dispatcher.waited(worker)
