"""A dispatcher's threads, and how code that has to wait on one of them says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recursor.runtime.dispatcher import Dispatcher
    from recursor.runtime.mailbox import Mailbox

logger = logging.getLogger("recursor.runtime")


class Worker(threading.Thread):
    """One thread of a dispatcher: it runs the mailboxes that the dispatcher gives it.

    A daemon thread, because an abandoned one may be stuck for ever and must not keep the process from ending.

    Args:
        dispatcher: whose mailboxes it runs.
        name: the thread's name.
    """

    counted = True
    """Whether it counts against the limit: not while idle, while it waits, or once abandoned.

    The dispatcher changes it under its lock.
    """

    def __init__(self, dispatcher: Dispatcher, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.dispatcher = dispatcher
        self.wake = threading.Lock()
        self.wake.acquire()
        # The mailbox in work, if any. Taking it out is atomic, and settles whether the worker was done with
        # it before it was given up.
        self.running: list[Mailbox] = []

    def run(self) -> None:
        """Run mailboxes until the dispatcher has no more use for this thread, or has given it up."""
        dispatcher, batch, running = self.dispatcher, self.dispatcher.batch, self.running
        try:
            while (mailbox := dispatcher.next_for(self)) is not None:
                running.append(mailbox)
                try:
                    mailbox.run(batch)
                except BaseException:
                    # Not an actor's failure, which ends in the actor, but what is raised through it, as by
                    # SystemExit in `on_start`, or into this thread from outside.
                    if running:
                        logger.exception("Thread %s died in an actor; another takes its place", self.name)
                        raise
                try:
                    running.pop()
                except IndexError:
                    return
        finally:
            dispatcher.ended(self)

    def give_up(self, mailbox: Mailbox) -> bool:
        """Have this thread end, if it is running a mailbox; only for the dispatcher.

        Args:
            mailbox: the mailbox.

        Returns:
            Whether it is running it.
        """
        try:
            self.running.remove(mailbox)
        except ValueError:
            return False
        return True


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
