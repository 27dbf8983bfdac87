"""Looks into and steers the stacks of a data directory, whether or not a runner is up on it; or of a runner
elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.direct import DirectSteering
from recursor.runner.direct_inspection import DirectInspection
from recursor.runner.inspection import Inspection
from recursor.runner.places import store_directory
from recursor.runner.settings_variables import TOKEN
from recursor.runner.steering import RunnerSilentError, Steering, UnauthorizedError
from recursor.storage.data_directory import Holder, holder
from recursor.storage.errors import StorageError, UnfinishedStoreError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import open_store
from recursor.storage.store import Reader, Store, Writer
from recursor.storage.tables import TABLES

if TYPE_CHECKING:
    from recursor.runner.client import ApiClient
    from recursor.runner.remote import RemoteSteering

T = TypeVar("T")


def token_of_environment() -> str | None:
    """Return the secret that a runner may want, from RECURSOR_TOKEN alone."""
    return os.environ.get(TOKEN) or None


class Access:
    """The stacks of one data directory, or of a runner elsewhere, for the length of a command.

    The runner that is up on the directory is asked, so that what is changed takes effect at once. If there is
    none, or it does not answer, the store is read, which makes nothing that isn't there, or written to, where
    the runner finds it. For a runner elsewhere nothing stands in.
    """

    def __init__(
        self,
        data: Path,
        now: Callable[[], float] = time.time,
        *,
        url: str | None = None,
        token: Callable[[], str | None] = token_of_environment,
        settings: Callable[[], Settings] = Settings,
        team: str | None = None,
        runner: Callable[[], RunnerSettings] = RunnerSettings,
    ) -> None:
        """Give access to `data`, or to the runner at `url`.

        Args:
            data: the data directory.
            now: tells the time in seconds since the epoch, UTC.
            url: where a runner elsewhere serves: then the directory is not looked at.
            token: tells the secret that a runner may want.
            settings: tells what a runner here would have.
            team: the team that a runner here would have.
            runner: what a runner here would let all stacks spend together.

        Raises:
            StorageError: `data` is a file.
        """
        if url is None and data.exists() and not data.is_dir():
            raise StorageError(f"{data}: is a file where a directory should be: name a directory")
        self._data = data
        self._now = now
        self._url = url
        self._token = token
        self._settings = settings
        self._team = team
        self._limits = runner
        self._store: Store | None = None
        self._nothing: MemoryStore | None = None
        self._writable = False
        self._silent = False
        self._barred = False
        self._client: ApiClient | None = None

    @property
    def url(self) -> str | None:
        """Where the runner elsewhere serves; None for a data directory."""
        return self._url

    def read(self) -> AbstractContextManager[Reader]:
        """Take a snapshot of the directory's store, for the length of a `with` block.

        Raises:
            StorageError: the store cannot be read.
        """
        if self._store is None:
            self._store = self._open_to_read()
        if self._store is None:
            # It may be there the next time.
            self._nothing = self._nothing or MemoryStore(TABLES)
            return self._nothing.read()
        return self._store.read()

    def inspect(self, action: Callable[[Inspection], T]) -> T:
        """Have `action` answered by the runner, or, if none answers, from the store.

        Args:
            action: calls methods of the `Inspection` it is given; it may be called twice.

        Raises:
            RecursorError: what the methods raise.
        """
        client = None if self._barred else self.client()
        if client is not None:
            # HTTP takes longer to import than most commands take without it.
            from recursor.runner.remote_inspection import RemoteInspection

            try:
                return action(RemoteInspection(client))
            except RunnerSilentError:
                if self._url is not None:
                    raise
                self._give_up()
            except UnauthorizedError:
                if self._url is not None:
                    raise
                # Who may read the store needs no token for what is in it.
                self._barred = True
        return action(DirectInspection(self.read, self._now, self._settings, self._team, self._limits))

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
                if self._url is not None:
                    raise
                self._give_up()
        return action(DirectSteering(self._writing(), self._now, self._settings, self._limits, self._roles))

    def knows_roles(self) -> bool:
        """Whether roles that are named can be held against a team: that of a runner, or of the settings."""
        return self._team is not None or self.remote() is not None

    def _roles(self) -> Collection[str] | None:
        # A runner may be told its team when it is started.
        if self._team is None:
            return None
        from recursor.runner.team import observers_team_named

        return observers_team_named(self._team)

    def write(self, work: Callable[[Writer], T]) -> T:
        """Write to the store itself, also beside a runner: what a runner need not be told of.

        Args:
            work: see `Store.submit`.

        Raises:
            RecursorError: what `work` raises, or the store cannot be written.
        """
        return self._writing().write(work)

    def client(self) -> ApiClient | None:
        """Return the way to the runner, if there is one that has answered so far."""
        if self._client is None and not self._silent:
            where = (self._url, None) if self._url is not None else self._runner_here()
            if where is not None:
                from recursor.runner.client import ApiClient

                url, runner = where
                self._client = ApiClient(url, runner=runner, token=self._token())
        return self._client

    def remote(self) -> RemoteSteering | None:
        """Return what steers the runner, if there is one that has answered so far."""
        client = self.client()
        if client is None:
            return None
        from recursor.runner.remote import RemoteSteering

        return RemoteSteering(client)

    def look_again(self) -> None:
        """Forget the runner that was found, and look for one anew when it is next asked for."""
        self._give_up()
        self._silent = False

    def runner(self) -> Holder | None:
        """Return the process that holds the directory, or None.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return holder(self._data)

    def is_run(self) -> bool:
        """Return whether there is a runner, as far as can be told without asking it.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return self._url is not None or self.runner() is not None

    def close(self) -> None:
        """Let go of the store and the runner. Closing twice is fine."""
        if self._client is not None:
            self._client.close()
            self._client = None
        for store in (self._store, self._nothing):
            if store is not None:
                store.close()
        self._store = self._nothing = None

    def __enter__(self) -> Access:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _runner_here(self) -> tuple[str, str] | None:
        found = self.runner()
        url = None if found is None else found.details.get("url")
        return (url, str(found.pid)) if found is not None and isinstance(url, str) else None

    def _give_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._silent = True

    def _open_to_read(self) -> Store | None:
        """Return the store, or None while there is none."""
        path = store_directory(self._data)
        try:
            return open_store(path, read_only=True) if (path / "data.mdb").exists() else None
        except UnfinishedStoreError:
            return None

    def _writing(self) -> Store:
        if not self._writable or self._store is None:
            # A process may open an environment only once.
            if self._store is not None:
                self._store.close()
            self._store = open_store(store_directory(self._data))
            self._writable = True
        return self._store
