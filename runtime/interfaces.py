"""What actors and their owners know of dispatchers and pools, real or simulated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, Protocol, TypeVar

from recursor.runtime.mailbox import Mailbox
from recursor.runtime.task import PoolTask

T = TypeVar("T")


class Load(NamedTuple):
    """How much a dispatcher or a pool has to do at one moment."""

    queued: int
    """Actors that have messages, or tasks, which wait for their turn."""

    running: int
    """Actors or tasks that have their turn, without those that wait for others meanwhile."""

    abandoned: int
    """Tasks that were abandoned, do not count against the limit any more, and have not ended yet."""


class ActorDispatcher(Protocol):
    """Runs actors: a `recursor.runtime.dispatcher.Dispatcher`, or a simulated one."""

    batch: int
    """How many messages an actor may handle before others have their turn."""

    @property
    def load(self) -> Load:
        """How much there is to do."""
        ...

    def mailbox(self) -> Mailbox:
        """Make the inbox for an actor that is to run here."""
        ...

    def schedule(self, mailbox: Mailbox, /, *, again: bool = False) -> None:
        """Have a mailbox run; only for the mailbox itself, when it has the turn.

        Args:
            mailbox: the one to run.
            again: whether it has just run, and others are to have their turn first.
        """
        ...

    def shutdown(self, timeout: float | None = None) -> bool:
        """Handle what is queued, and end; see `recursor.runtime.dispatcher.Dispatcher.shutdown`."""
        ...


class Pool(Protocol):
    """Runs tasks: a `recursor.runtime.pool.TaskPool`, which documents the methods, or a simulated one."""

    @property
    def limit(self) -> int:
        """How many tasks at most run at a time."""
        ...

    @property
    def load(self) -> Load:
        """How much there is to do."""
        ...

    def submit(self, work: Callable[[PoolTask[T]], T], *, priority: int) -> PoolTask[T]:
        """Have a function called."""
        ...

    def submit_coroutine(
        self, work: Callable[[PoolTask[T]], Coroutine[Any, Any, T]], *, priority: int
    ) -> PoolTask[T]:
        """Have a coroutine run."""
        ...

    def hold(self) -> None:
        """Let no task begin, nor any that stepped aside continue, until as many `release`s have followed."""
        ...

    def release(self) -> None:
        """Let tasks begin again."""
        ...

    def call_at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have a function called and awaited after all tasks, when the pool is shut down."""
        ...

    def shutdown(self, timeout: float | None = None) -> bool:
        """Start no more tasks, and end."""
        ...
