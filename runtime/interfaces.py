"""The interfaces of dispatchers and pools, real or simulated, for actors and their owners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, Protocol, TypeVar

from recursor.runtime.mailbox import Mailbox
from recursor.runtime.task import PoolTask

T = TypeVar("T")


class Load(NamedTuple):
    """The current load of a dispatcher or a pool."""

    queued: int
    """Actors with messages, or tasks, that wait for their turn."""

    running: int
    """Actors or tasks that run, without those that wait for others meanwhile."""

    abandoned: int
    """Abandoned tasks that have not ended yet; they do not count against the limit."""


class ActorDispatcher(Protocol):
    """Runs actors: a `recursor.runtime.dispatcher.Dispatcher`, or a simulated one."""

    batch: int
    """How many messages an actor may handle before others have their turn."""

    @property
    def load(self) -> Load:
        """The current load."""
        ...

    def mailbox(self) -> Mailbox:
        """Make the inbox for an actor that will run here."""
        ...

    def schedule(self, mailbox: Mailbox, /, *, again: bool = False) -> None:
        """Queue a mailbox; only for the mailbox itself, when it has the turn.

        Args:
            mailbox: the one to run.
            again: whether it has just run, so that others come first.
        """
        ...

    def shutdown(self, timeout: float | None = None) -> bool:
        """Handle what is queued, and end; see `recursor.runtime.dispatcher.Dispatcher.shutdown`."""
        ...


class Pool(Protocol):
    """Runs tasks: a `recursor.runtime.pool.TaskPool`, which documents the methods, or a simulated one."""

    @property
    def limit(self) -> int:
        """The most tasks that run at a time."""
        ...

    @property
    def load(self) -> Load:
        """The current load."""
        ...

    def submit(self, work: Callable[[PoolTask[T]], T], *, priority: int, client: str = "") -> PoolTask[T]:
        """Call a function."""
        ...

    def submit_coroutine(
        self, work: Callable[[PoolTask[T]], Coroutine[Any, Any, T]], *, priority: int, client: str = ""
    ) -> PoolTask[T]:
        """Run a coroutine."""
        ...

    def clients(self) -> frozenset[str]:
        """Return for whom tasks run: those that have been given a slot and have not ended."""
        ...

    def hold(self) -> None:
        """Let no task begin, and none that stepped aside continue, until `release` is called as often."""
        ...

    def release(self) -> None:
        """Undo one `hold`."""
        ...

    def call_at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """Call a function, and await it, after all tasks when the pool is shut down."""
        ...

    def shutdown(self, timeout: float | None = None) -> bool:
        """Start no more tasks, and end."""
        ...
