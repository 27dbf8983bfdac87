"""One thread that commits what many threads submit, several submissions to a commit.

A durable commit costs an fsync (0.2 ms on a good disk, several on others) whether it holds one submission or
a hundred. While one commit is under way the next batch gathers by itself, so a lone submitter waits for one
fsync and a crowd shares it: nothing is ever delayed to make a batch larger. This module knows nothing of what
a commit is.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any, Generic, TypeVar

from recursor.storage.errors import StorageError, StoreClosedError, StoreUsageError

T = TypeVar("T")
W = TypeVar("W")

# Shared by 256, an fsync of 0.25 ms costs each 1 µs, a tenth of what its own writes do: a larger batch would
# gain nothing and would make its first submitter wait longer (a batch of 256 with 3 writes each took 9 ms,
# measured).
LARGEST_BATCH = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one submission ended: what it returned, or the error it raised."""

    value: object = None
    error: BaseException | None = None


class GroupCommit(Generic[W]):
    """Runs submissions in the order they came, on a thread of its own.

    The thread is a daemon: a program that ends without closing its store must still be able to end, and what
    that loses was never acknowledged.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Callable[[W], object]]], Sequence[Outcome]],
        *,
        name: str,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        """Start the thread.

        Args:
            commit: Runs the submissions in order, each atomic in itself, makes the result durable, then
                returns one outcome for each. Raises if none of them was applied; each then gets a copy of
                that error.
            name: The thread's name.
            largest_batch: The most submissions given to one `commit`.
        """
        self._commit = commit
        self._largest_batch = largest_batch
        # None is the last entry ever: it ends the thread.
        self._waiting: SimpleQueue[tuple[Callable[[W], object], Future[Any]] | None] = SimpleQueue()
        self._closing = Lock()
        self._closed = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[W], T]) -> Future[T]:
        """Queue `work`; the future is resolved after the commit it is in.

        Raises:
            StoreClosedError: `close` was called before.
        """
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                raise StoreClosedError("the store is closed: nothing can be submitted any more")
            self._waiting.put((work, future))
        return future

    def refuse_to_wait(self) -> None:
        """Raise on the writer thread, where to wait for a submission is to wait for oneself.

        Raises:
            StoreUsageError: The caller runs in a submission, or in a future's callback.
        """
        if current_thread() is self._thread:
            raise StoreUsageError("write() on the store's writer thread would wait for itself: use submit()")

    def close(self) -> None:
        """Refuse new submissions, commit those that wait, and end the thread.

        Raises:
            StoreUsageError: On the writer thread, which can't wait for its own end.
        """
        if current_thread() is self._thread:
            raise StoreUsageError(
                "a store can't be closed on its own writer thread: close it from another thread"
            )
        with self._closing:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        # Each turn has its own frame, so that nothing of the last batch stays in memory while the thread
        # waits.
        while self._turn():
            pass

    def _turn(self) -> bool:
        """Commit one batch; return False after the last."""
        works: list[Callable[[W], object]] = []
        futures: list[Future[Any]] = []
        entry = self._waiting.get()
        while entry is not None:
            work, future = entry
            if future.set_running_or_notify_cancel():
                works.append(work)
                futures.append(future)
            if len(works) == self._largest_batch:
                break
            try:
                entry = self._waiting.get_nowait()
            except Empty:
                break
        if works:
            self._commit_batch(works, futures)
        return entry is not None

    def _commit_batch(self, works: list[Callable[[W], object]], futures: list[Future[Any]]) -> None:
        try:
            outcomes = self._commit(works)
        except BaseException as error:  # noqa: BLE001 - it belongs to the submitters; this thread must live on
            outcomes = [Outcome(error=_twin(error)) for _ in works]
        for future, outcome in zip(futures, outcomes, strict=True):
            try:
                if outcome.error is None:
                    future.set_result(outcome.value)
                else:
                    future.set_exception(outcome.error)
            except BaseException:
                logger.exception("a callback of a submission to the store raised")


def _twin(error: BaseException) -> BaseException:
    """Return a copy for one submitter: raised in many threads, one error would collect their tracebacks."""
    if not isinstance(error, StorageError):
        return error
    twin = copy.copy(error)
    twin.__cause__ = error
    return twin
