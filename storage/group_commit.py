"""One thread that writes the commits of many threads, several at a time.

Durability costs an fsync (0.2 ms on a good disk, several on others), for one commit as for a hundred. While
one batch is being written, the next collects. So a single owner waits for one fsync, and many share it;
nothing is delayed to make a batch larger.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread

from recursor.storage.commit import Commit
from recursor.storage.errors import StorageError, StoreClosedError, StoreUsageError
from recursor.storage.store import Done

# Shared by 256 commits, an fsync of 0.25 ms costs 1 µs each, a tenth of the cost of a commit's own writes. A
# larger batch would gain nothing and delay its first commit (a batch of 256 with 3 writes each takes 9 ms,
# measured).
LARGEST_BATCH = 256

logger = logging.getLogger(__name__)

Apply = Callable[[Sequence[Commit]], Sequence[BaseException | None]]
"""Applies commits in order, each atomically, makes the result durable, and returns for each commit the error,
or None. It raises if none was applied."""


class GroupCommit:
    """Applies commits in order of arrival, on a thread of its own.

    The thread is a daemon, so that a program that forgets to close its store can still exit; the lost commits
    were never acknowledged.
    """

    def __init__(self, apply: Apply, *, name: str, largest_batch: int = LARGEST_BATCH) -> None:
        """Start the thread.

        Args:
            apply: Applies a batch; if it raises, each commit of the batch gets a copy of the error.
            name: The thread's name.
            largest_batch: The most commits given to one `apply`.
        """
        self._apply = apply
        self._largest_batch = largest_batch
        # None is the last entry: it ends the thread.
        self._waiting: SimpleQueue[tuple[Commit, Done] | None] = SimpleQueue()
        self._closing = Lock()
        self._closed = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def commit(self, commit: Commit, done: Done) -> None:
        """Queue `commit`; `done` is called after its batch.

        Raises:
            StoreClosedError: The store is closed.
        """
        with self._closing:
            if self._closed:
                raise StoreClosedError("the store is closed: nothing can be written")
            self._waiting.put((commit, done))

    def write(self, commit: Commit) -> None:
        """Queue `commit` and wait for it.

        Raises:
            StoreUsageError: On the writer thread, which would wait for itself.
            BaseException: The commit was refused with this error.
        """
        if current_thread() is self._thread:
            raise StoreUsageError("write() on the store's writer thread would wait for itself: use commit()")
        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        self.commit(commit, ended.put)
        error = ended.get()
        if error is not None:
            raise error

    def close(self) -> None:
        """Refuse new commits, apply the queued ones, and end the thread.

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
        # Each turn has its own frame, so that the last batch does not stay in memory while the thread waits.
        while self._turn():
            pass

    def _turn(self) -> bool:
        """Apply one batch; return False after the last."""
        batch: list[tuple[Commit, Done]] = []
        entry = self._waiting.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == self._largest_batch:
                break
            try:
                entry = self._waiting.get_nowait()
            except Empty:
                break
        if batch:
            self._apply_batch(batch)
        return entry is not None

    def _apply_batch(self, batch: list[tuple[Commit, Done]]) -> None:
        errors: Sequence[BaseException | None]
        try:
            errors = self._apply([commit for commit, _ in batch])
        except BaseException as error:  # noqa: BLE001 - it belongs to the owners; this thread must live on
            errors = [twin(error) for _ in batch]
        for (_, done), refused in zip(batch, errors, strict=True):
            try:
                done(refused)
            except BaseException:
                logger.exception("the callback of a commit raised")


def twin(error: BaseException) -> BaseException:
    """Return a copy of the error for one owner: if raised in many threads, one error would collect their
    tracebacks."""
    if not isinstance(error, StorageError):
        return error
    twin = copy.copy(error)
    twin.__cause__ = error
    return twin
