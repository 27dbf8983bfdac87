"""One piece of work in a pool: a function or a coroutine, its priority and its future."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from recursor.runtime.future import DispatchedFuture

T = TypeVar("T")

LOWEST_PRIORITY = 0
HIGHEST_PRIORITY = 10


class TaskAbandonedError(Exception):
    """The task was withdrawn or abandoned, or its pool was shut down: it has no outcome."""


class TaskState(Enum):
    """The state of a task in its pool."""

    QUEUED = auto()
    """It has not begun, and waits for a slot."""

    ADMITTED = auto()
    """It has a slot, and is about to begin."""

    RUNNING = auto()
    """It has begun, and has a slot."""

    ASIDE = auto()
    """It has begun, and has freed its slot for now."""

    RETURNING = auto()
    """It has begun, and waits for a slot to continue."""

    ABANDONED = auto()
    """It has begun, and its outcome will be ignored."""

    ENDED = auto()
    """It has ended, or will never begin."""


class TaskOwner(Protocol):
    """The pool, as its tasks see it."""

    def take_back(self, task: PoolTask[Any]) -> bool:
        """See `Task.take_back`."""
        ...

    def abandon(self, task: PoolTask[Any]) -> None:
        """See `Task.abandon`."""
        ...

    def leave(self, task: PoolTask[Any]) -> None:
        """Free the slot of a running task."""
        ...

    async def come_back(self, task: PoolTask[Any]) -> None:
        """Wait until a task that left has a slot again."""
        ...


class PoolTask(Generic[T]):
    """Work given to a pool.

    Attributes:
        future: the outcome. Anything the work raises becomes its exception.
        priority: from 0 to 10, higher is sooner.
        client: for whom it runs; the pool only reports it.
        state: only the pool changes it.
    """

    __slots__ = ("_owner", "client", "future", "is_coroutine", "priority", "returned", "state", "work")

    def __init__(
        self,
        owner: TaskOwner,
        work: Callable[[PoolTask[T]], Any],
        priority: int,
        is_coroutine: bool,
        client: str = "",
    ) -> None:
        """Make a task; only for its pool.

        Raises:
            ValueError: `priority` is not within 0 to 10.
        """
        if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
            raise ValueError(f"a task's priority is from 0 to 10, not {priority}")
        self.future: DispatchedFuture[T] = DispatchedFuture()
        self.priority = priority
        self.client = client
        self.state = TaskState.QUEUED
        self.is_coroutine = is_coroutine
        self.work: Callable[[PoolTask[T]], Any] | None = work
        # Set while the task is RETURNING.
        self.returned: DispatchedFuture[None] | None = None
        self._owner = owner

    def take_back(self) -> bool:
        """Cancel the task if it has not begun.

        Returns:
            Whether it has not begun and never will; its future then fails with `TaskAbandonedError`.
        """
        return self._owner.take_back(self)

    def abandon(self) -> None:
        """Abandon the task, whatever its state: its future fails at once with `TaskAbandonedError`.

        A task that has not begun never will. A coroutine is cancelled, and again every 2 seconds if it
        ignores that. A function cannot be stopped: its thread is replaced and ends when the function returns.
        Return values are dropped. On an ended task this does nothing.
        """
        self._owner.abandon(self)

    def aside(self) -> AbstractAsyncContextManager[None]:
        """Free the task's slot inside an `async with` block; only for a coroutine, in its own code.

        At the end of the block the task waits for a slot, ahead of others of its priority. Blocks may be
        nested: the end of any of them waits for the slot. If the task is cancelled while it waits, it
        continues without a slot until one is free.
        """
        return _Aside(self._owner, self)

    def run(self) -> tuple[T | None, BaseException | None]:
        """Call the function; only for the pool.

        Returns:
            Its return value, and its exception if it raised one.
        """
        work, self.work = self.work, None
        assert work is not None
        try:
            return work(self), None
        except BaseException as error:  # noqa: BLE001  # user code must not end the pool's thread
            # Without the frame of this method, which would keep the task alive.
            return None, error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)

    async def run_coroutine(self) -> tuple[T | None, BaseException | None]:
        """Call and await the coroutine; only for the pool.

        Returns:
            Its return value, and its exception if it raised one.
        """
        work, self.work = self.work, None
        assert work is not None
        try:
            return await work(self), None
        except BaseException as error:  # noqa: BLE001  # user code must not end the event loop
            return None, error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)

    def settle(self, value: T | None, error: BaseException | None) -> None:
        """Set the outcome; only for the pool, once."""
        if error is None:
            self.future.set(value)
        else:
            self.future.set_exception((type(error), error, error.__traceback__))

    def settle_as_abandoned(self, reason: str) -> None:
        """Fail the future with `TaskAbandonedError`; only for the pool, once."""
        self.settle(None, TaskAbandonedError(reason))


class _Aside(AbstractAsyncContextManager[None]):
    def __init__(self, owner: TaskOwner, task: PoolTask[Any]) -> None:
        self._owner = owner
        self._task = task

    async def __aenter__(self) -> None:
        self._owner.leave(self._task)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # A coroutine that is being closed cannot await.
        if kind is not GeneratorExit:
            await self._owner.come_back(self._task)
