"""Reads and steers the stacks of a data directory, whether or not a runner is up on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from recursor.runner.direct import DirectSteering
from recursor.runner.places import store_directory
from recursor.runner.steering import RunnerSilentError, Steering
from recursor.storage.data_directory import Holder, holder
from recursor.storage.errors import StorageError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import open_store
from recursor.storage.store import Reader, Store, Writer
from recursor.storage.tables import TABLES

if TYPE_CHECKING:
    from recursor.runner.remote import RemoteSteering

T = TypeVar("T")


class Access:
    """The stacks of one data directory, for the length of a command.

    Reading goes to the store, which any process may read, and makes nothing that isn't there. What changes
    something is asked of the runner, so that it takes effect at once; if there is none, or it does not
    answer, it is written to the store, where the runner finds it.
    """

    def __init__(self, data: Path, now: Callable[[], float] = time.time) -> None:
        """Give access to `data`; `now` tells the time in seconds since the epoch, UTC.

        Raises:
            StorageError: `data` is a file.
        """
        if data.exists() and not data.is_dir():
            raise StorageError(f"{data}: is a file where a directory should be: name a directory")
        self._data = data
        self._now = now
        self._store: Store | None = None
        self._writable = False
        self._silent = False

    def read(self) -> AbstractContextManager[Reader]:
        """Take a snapshot, for the length of a `with` block.

        Raises:
            StorageError: the store cannot be read.
        """
        if self._store is None:
            path = store_directory(self._data)
            exists = (path / "data.mdb").exists()
            self._store = open_store(path, read_only=True) if exists else MemoryStore(TABLES)
        return self._store.read()

    def steer(self, action: Callable[[Steering], T]) -> T:
        """Have `action` done by the runner, or, if none answers, on the store.

        Args:
            action: calls one method of the `Steering` it is given; it may be called twice.

        Raises:
            RecursorError: what the method raises.
        """
        remote = self.remote()
        if remote is not None:
            try:
                return action(remote)
            except RunnerSilentError:
                self._silent = True
        return action(DirectSteering(self._writing(), self._now))

    def write(self, work: Callable[[Writer], T]) -> T:
        """Write to the store itself, also beside a runner: what a runner need not be told of.

        Args:
            work: see `Store.submit`.

        Raises:
            RecursorError: what `work` raises, or the store cannot be written.
        """
        return self._writing().write(work)

    def remote(self) -> RemoteSteering | None:
        """Return the runner that is up on the directory and has answered so far, or None."""
        found = None if self._silent else self.runner()
        url = None if found is None else found.details.get("url")
        if found is None or not isinstance(url, str):
            return None
        # HTTP takes longer to import than most commands take without it.
        from recursor.runner.remote import RemoteSteering

        return RemoteSteering(url, str(found.pid), os.environ.get("RECURSOR_TOKEN") or None)

    def runner(self) -> Holder | None:
        """Return the process that holds the directory, or None.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return holder(self._data)

    def close(self) -> None:
        """Let go of the store. Closing twice is fine."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Access:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _writing(self) -> Store:
        if not self._writable or self._store is None:
            # A process may open an environment only once.
            self.close()
            self._store = open_store(store_directory(self._data))
            self._writable = True
        return self._store
