"""The order in which tasks get one of a limited number of slots."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from recursor.runtime.future import DispatchedFuture
from recursor.runtime.interfaces import Load
from recursor.runtime.task import HIGHEST_PRIORITY, LOWEST_PRIORITY, PoolTask, TaskState

T = TypeVar("T")

Queue = OrderedDict[PoolTask[Any], None]


# Looked up once: in Python 3.11, finding a member of an enum takes as long as calling a function.
_QUEUED, _ADMITTED, _RUNNING = TaskState.QUEUED, TaskState.ADMITTED, TaskState.RUNNING
_ASIDE, _RETURNING = TaskState.ASIDE, TaskState.RETURNING
_ABANDONED, _ENDED = TaskState.ABANDONED, TaskState.ENDED


class Admitted(NamedTuple):
    """Tasks that have just been admitted."""

    begin: list[PoolTask[Any]]
    """New tasks, to be started."""

    resume: list[DispatchedFuture[None]]
    """Futures to complete, so that their tasks continue."""


_NOBODY = Admitted([], [])


class Slots:
    """At most `limit` tasks have a slot; the most urgent task gets the next one.

    Among tasks of equal priority, those that have already begun go first, then those that have waited
    longest. This class knows no threads.

    | state | `admit` | `begin` | `leave` | `come_back` | `take_back` | `abandon` | `end` |
    |---|---|---|---|---|---|---|---|
    | QUEUED | ADMITTED | | | | ENDED | ENDED | |
    | ADMITTED | | RUNNING | | | ENDED | ENDED | |
    | RUNNING | | | ASIDE | | | ABANDONED | ENDED |
    | ASIDE | | | | RETURNING | | ABANDONED | ENDED |
    | RETURNING | RUNNING | | | | | ABANDONED | ENDED |
    | ABANDONED | | | | | | | ENDED |

    ADMITTED and RUNNING tasks hold a slot.
    """

    def __init__(self, limit: int) -> None:
        """Create `limit` slots.

        Raises:
            ValueError: `limit` is less than 1.
        """
        if limit < 1:
            raise ValueError(f"a pool needs at least 1 slot, not {limit}")
        self.limit = limit
        self.holds = 0
        """Number of active holds: while there are any, no free slot is given away and no task begins."""
        self.queued = 0
        """How many tasks wait for a slot."""
        self.taken = 0
        """How many tasks have a slot."""
        self.abandoned = 0
        """How many tasks were abandoned and have not ended yet."""
        self.present: dict[PoolTask[Any], None] = {}
        """The tasks that were admitted and have not ended, in order of admission."""
        self._resume: list[DispatchedFuture[None]] = []
        # Two queues per priority, the most urgent first: tasks that have begun, and tasks that have not.
        self._queues = [Queue() for _ in range(2 * (HIGHEST_PRIORITY - LOWEST_PRIORITY + 1))]

    def add(self, task: PoolTask[Any]) -> None:
        """Queue a new task."""
        self._enqueue(task)

    def enter(self, task: PoolTask[Any]) -> bool:
        """Admit a new task if a slot is free and no other task waits; else queue it.

        Returns:
            Whether it was admitted and should begin.
        """
        if self.queued or self.holds or self.taken >= self.limit:
            self.add(task)
            return False
        self.taken += 1
        task.state = _ADMITTED
        self.present[task] = None
        return True

    def admit(self) -> Admitted:
        """Give free slots to the most urgent tasks; call it after any other method except `enter`.

        Returns:
            The tasks to start or continue now.
        """
        if not self._resume and (not self.queued or self.holds or self.taken == self.limit):
            return _NOBODY
        begin: list[PoolTask[Any]] = []
        while self.queued and self.taken < self.limit and not self.holds:
            queue = next(queue for queue in self._queues if queue)
            task, _ = queue.popitem(last=False)
            self.queued -= 1
            self.taken += 1
            if task.state is _QUEUED:
                task.state = _ADMITTED
                self.present[task] = None
                begin.append(task)
            else:
                task.state = _RUNNING
                self._resume_later(task)
        resume, self._resume = self._resume, []
        return Admitted(begin, resume)

    def begin(self, task: PoolTask[Any]) -> bool:
        """Note that an admitted task is about to begin.

        Returns:
            Whether it may: no if it was abandoned meanwhile or a hold is active.
        """
        if task.state is not _ADMITTED:
            return False
        if self.holds:
            # It is admitted again ahead of others of its priority.
            self.taken -= 1
            self.present.pop(task, None)
            task.state = _QUEUED
            self._enqueue(task)
            self._queue_of(task).move_to_end(task, last=False)
            return False
        task.state = _RUNNING
        return True

    def leave(self, task: PoolTask[Any]) -> None:
        """Free the slot of a task that continues without one."""
        if task.state is _RUNNING:
            task.state = _ASIDE
            self.taken -= 1

    def come_back(self, task: PoolTask[Any]) -> DispatchedFuture[None] | None:
        """Queue a task that gave up its slot, to be admitted again.

        Returns:
            A future that completes when it has a slot or has ended; None if it may continue at once.
        """
        if task.state is _ASIDE:
            task.state = _RETURNING
            task.returned = DispatchedFuture()
            self._enqueue(task)
        return task.returned if task.state is _RETURNING else None

    def take_back(self, task: PoolTask[Any]) -> bool:
        """End a task that has not begun.

        Returns:
            Whether it had not begun.
        """
        if task.state is _QUEUED:
            self._remove(task)
        elif task.state is _ADMITTED:
            self.taken -= 1
            self.present.pop(task, None)
        else:
            return False
        task.state = _ENDED
        return True

    def abandon(self, task: PoolTask[Any]) -> bool:
        """Abandon a task and free its slot.

        Returns:
            Whether this call abandoned it: no if it had already ended or been abandoned.
        """
        if self.take_back(task):
            return True
        if task.state in {_ENDED, _ABANDONED}:
            return False
        self._vacate(task)
        task.state = _ABANDONED
        self.abandoned += 1
        return True

    def end(self, task: PoolTask[Any]) -> bool:
        """Note that a running task has ended, and free its slot.

        Returns:
            Whether its outcome counts: no if it was abandoned.
        """
        self.present.pop(task, None)
        # Parts of it may still wait to come back.
        self._resume_later(task)
        if task.state is _ABANDONED:
            self.abandoned -= 1
            task.state = _ENDED
            return False
        self._vacate(task)
        task.state = _ENDED
        return True

    def clear(self) -> list[PoolTask[Any]]:
        """End all tasks that have not begun.

        Returns:
            The ended tasks.
        """
        waiting = [task for queue in self._queues[1::2] for task in queue]
        return [task for task in (*waiting, *self.present) if self.take_back(task)]

    def _vacate(self, task: PoolTask[Any]) -> None:
        if task.state is _RUNNING:
            self.taken -= 1
        elif task.state is _RETURNING:
            self._remove(task)

    def _resume_later(self, task: PoolTask[Any]) -> None:
        if task.returned is not None:
            self._resume.append(task.returned)
            task.returned = None

    def _queue_of(self, task: PoolTask[Any]) -> Queue:
        return self._queues[2 * (HIGHEST_PRIORITY - task.priority) + (task.state is _QUEUED)]

    def _enqueue(self, task: PoolTask[Any]) -> None:
        self._queue_of(task)[task] = None
        self.queued += 1

    def _remove(self, task: PoolTask[Any]) -> None:
        del self._queue_of(task)[task]
        self.queued -= 1


class Admission:
    """The slots of a pool, thread-safe; it owns the pool's tasks.

    Args:
        limit: how many tasks may hold a slot at a time.
        start: called, without a lock, with each task to start. The caller then calls `begin` when the task
            begins and `end` when it ends.
        cancel: called, without a lock, with each task abandoned after it began.

    Raises:
        ValueError: `limit` is less than 1.
    """

    def __init__(
        self, limit: int, start: Callable[[PoolTask[Any]], object], cancel: Callable[[PoolTask[Any]], object]
    ) -> None:
        self._slots = Slots(limit)
        self._start = start
        self._cancel = cancel
        self._closed = False
        # Re-entrant: a finalizer may call at any point. No foreign code is called under it.
        self._lock = threading.RLock()

    @property
    def load(self) -> Load:
        """How many tasks wait, hold a slot, and were abandoned but have not ended yet."""
        with self._lock:
            return Load(self._slots.queued, self._slots.taken, self._slots.abandoned)

    def clients(self) -> frozenset[str]:
        """Return the clients of all tasks that were admitted and have not ended."""
        with self._lock:
            return frozenset(task.client for task in self._slots.present)

    def add(self, task: PoolTask[T]) -> PoolTask[T]:
        """Queue a new task, or abandon it if the pool is closed. Returns the task."""
        with self._lock:
            closed = self._closed
            has_slot = not closed and self._slots.enter(task)
        if has_slot:
            self._start(task)
        elif closed:
            task.settle_as_abandoned("the pool was shut down")
        return task

    def admit(self) -> None:
        """Start and resume tasks while slots are free."""
        with self._lock:
            admitted = self._slots.admit()
        self._carry_out(admitted)

    def hold(self) -> None:
        """Let no task begin, and none that stepped aside continue, until `release` is called as often."""
        with self._lock:
            self._slots.holds += 1

    def release(self) -> None:
        """Undo one `hold`."""
        with self._lock:
            self._slots.holds -= 1
        self.admit()

    def begin(self, task: PoolTask[Any]) -> bool:
        """Note that a started task begins. Returns whether it may: no if it was abandoned meanwhile."""
        with self._lock:
            return self._slots.begin(task)

    def end(self, task: PoolTask[Any]) -> bool:
        """Note that a task has ended, and pass its slot on.

        Returns:
            Whether its outcome counts: no if it was abandoned.
        """
        with self._lock:
            counts = self._slots.end(task)
            admitted = self._slots.admit()
        if admitted is not _NOBODY:
            self._carry_out(admitted)
        return counts

    def take_back(self, task: PoolTask[Any]) -> bool:
        """See `Task.take_back`."""
        with self._lock:
            is_unbegun = self._slots.take_back(task)
        if is_unbegun:
            self.admit()
            task.settle_as_abandoned("the task was withdrawn before it began")
        return is_unbegun

    def abandon(self, task: PoolTask[Any]) -> None:
        """See `Task.abandon`."""
        with self._lock:
            if not self._slots.abandon(task):
                return
            has_begun = task.state is _ABANDONED
        self.admit()
        if has_begun:
            self._cancel(task)
        task.settle_as_abandoned("the task was abandoned")

    def leave(self, task: PoolTask[Any]) -> None:
        """See `Task.aside`."""
        with self._lock:
            self._slots.leave(task)
        self.admit()

    async def come_back(self, task: PoolTask[Any]) -> None:
        """See `Task.aside`."""
        with self._lock:
            returned = self._slots.come_back(task)
        self.admit()
        if returned is not None:
            await returned

    def close(self) -> list[PoolTask[Any]]:
        """Start no more tasks, and abandon those that have not begun.

        Returns:
            The tasks that have begun and not ended.
        """
        with self._lock:
            self._closed = True
            unbegun = self._slots.clear()
            begun = list(self._slots.present)
        for task in unbegun:
            task.settle_as_abandoned("the pool was shut down before the task began")
        return begun

    def _carry_out(self, admitted: Admitted) -> None:
        for returned in admitted.resume:
            returned.set()
        for task in admitted.begin:
            self._start(task)
