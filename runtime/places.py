"""The order in which tasks get one of a limited number of places."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from recursor.runtime.future import DispatchedFuture
from recursor.runtime.task import HIGHEST_PRIORITY, LOWEST_PRIORITY, Task, TaskState

Queue = OrderedDict[Task[Any], None]


class Admission(NamedTuple):
    """The tasks that have got a place."""

    begin: list[Task[Any]]
    """New ones, which are to begin."""

    resume: list[DispatchedFuture[None]]
    """To be completed, for others to continue."""


class Places:
    """A pool's admission: at most `limit` tasks have a place, and the most urgent gets the next one.

    Of equal priority, those that have begun already go first, then those that have waited longest. It knows
    no threads and takes no lock: a pool calls it under its own.

    | state | `admit` | `begin` | `leave` | `come_back` | `take_back` | `abandon` | `end` |
    |---|---|---|---|---|---|---|---|
    | QUEUED | ADMITTED | | | | ENDED | ENDED | |
    | ADMITTED | | RUNNING | | | ENDED | ENDED | |
    | RUNNING | | | ASIDE | | | ABANDONED | ENDED |
    | ASIDE | | | | RETURNING | | ABANDONED | ENDED |
    | RETURNING | RUNNING | | | | | ABANDONED | ENDED |
    | ABANDONED | | | | | | | ENDED |

    ADMITTED and RUNNING tasks have a place.
    """

    def __init__(self, limit: int) -> None:
        """Have `limit` places.

        Raises:
            ValueError: there would be no place.
        """
        if limit < 1:
            raise ValueError(f"a pool needs at least 1 place, not {limit}")
        self.limit = limit
        self.taken = 0
        """How many tasks have a place."""
        self.abandoned = 0
        """How many tasks were abandoned and have not ended yet."""
        self.present: set[Task[Any]] = set()
        """The tasks that were admitted and have not ended."""
        self._resume: list[DispatchedFuture[None]] = []
        # Two for each priority, the most urgent first: those that have begun, and those that have not.
        self._queues = [Queue() for _ in range(2 * (HIGHEST_PRIORITY - LOWEST_PRIORITY + 1))]

    @property
    def queued(self) -> int:
        """How many tasks wait for a place."""
        return sum(map(len, self._queues))

    def add(self, task: Task[Any]) -> None:
        """Queue a new task."""
        self._queue_of(task)[task] = None

    def admit(self) -> Admission:
        """Give the free places to the most urgent tasks; to be called after each of the other methods.

        Returns:
            What is to begin or to continue now.
        """
        begin: list[Task[Any]] = []
        while self.taken < self.limit:
            queue = next((queue for queue in self._queues if queue), None)
            if queue is None:
                break
            task, _ = queue.popitem(last=False)
            self.taken += 1
            if task.state is TaskState.QUEUED:
                task.state = TaskState.ADMITTED
                self.present.add(task)
                begin.append(task)
            else:
                task.state = TaskState.RUNNING
                self._resume_later(task)
        resume, self._resume = self._resume, []
        return Admission(begin, resume)

    def begin(self, task: Task[Any]) -> bool:
        """Note that an admitted task is about to begin.

        Returns:
            Whether it may: not if it was given up meanwhile.
        """
        if task.state is not TaskState.ADMITTED:
            return False
        task.state = TaskState.RUNNING
        return True

    def leave(self, task: Task[Any]) -> None:
        """Free the place of a task that continues without one."""
        if task.state is TaskState.RUNNING:
            task.state = TaskState.ASIDE
            self.taken -= 1

    def come_back(self, task: Task[Any]) -> DispatchedFuture[None] | None:
        """Queue a task that left, to be admitted again.

        Returns:
            What is completed when it has a place, or needs none any more; None: it may continue at once.
        """
        if task.state is TaskState.ASIDE:
            task.state = TaskState.RETURNING
            task.returned = DispatchedFuture()
            self._queue_of(task)[task] = None
        return task.returned

    def take_back(self, task: Task[Any]) -> bool:
        """End a task that has not begun.

        Returns:
            Whether it has not.
        """
        if task.state is TaskState.QUEUED:
            self._remove(task)
        elif task.state is TaskState.ADMITTED:
            self.taken -= 1
            self.present.discard(task)
        else:
            return False
        task.state = TaskState.ENDED
        return True

    def abandon(self, task: Task[Any]) -> bool:
        """Give a task up, and free its place.

        Returns:
            Whether it was given up just now: not if it has ended or was given up before.
        """
        if self.take_back(task):
            return True
        if task.state in {TaskState.ENDED, TaskState.ABANDONED}:
            return False
        self._vacate(task)
        task.state = TaskState.ABANDONED
        self.abandoned += 1
        return True

    def end(self, task: Task[Any]) -> bool:
        """Note that a task that has begun runs no more, and free its place.

        Returns:
            Whether its outcome counts: not if it was abandoned.
        """
        self.present.discard(task)
        if task.state is TaskState.ABANDONED:
            self.abandoned -= 1
            task.state = TaskState.ENDED
            return False
        self._vacate(task)
        task.state = TaskState.ENDED
        return True

    def clear(self) -> list[Task[Any]]:
        """End all tasks that have not begun.

        Returns:
            Those tasks.
        """
        waiting = [task for queue in self._queues[1::2] for task in queue]
        return [task for task in (*waiting, *self.present) if self.take_back(task)]

    def _vacate(self, task: Task[Any]) -> None:
        if task.state is TaskState.RUNNING:
            self.taken -= 1
        elif task.state is TaskState.RETURNING:
            self._remove(task)
            self._resume_later(task)

    def _resume_later(self, task: Task[Any]) -> None:
        assert task.returned is not None
        self._resume.append(task.returned)
        task.returned = None

    def _queue_of(self, task: Task[Any]) -> Queue:
        return self._queues[2 * (HIGHEST_PRIORITY - task.priority) + (task.state is TaskState.QUEUED)]

    def _remove(self, task: Task[Any]) -> None:
        del self._queue_of(task)[task]
