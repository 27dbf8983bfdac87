"""Looks into and steers the stacks of a data directory, whether or not a runner is up on it; or of a runner
elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from recursor.domain.core_record import CoreRecord
from recursor.domain.errors import RecursorError
from recursor.domain.record import Record
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.direct_inspection import DirectInspection
from recursor.runner.errors import RunnerGoneError, RunnerSilentError, UnauthorizedError
from recursor.runner.holding import PAUSE_SECONDS, runner_of
from recursor.runner.inspection import Inspection
from recursor.runner.places import store_directory
from recursor.runner.settings_variables import TOKEN
from recursor.storage.data_directory import Holder, holder
from recursor.storage.errors import DirectoryInUseError, StorageError, UnfinishedStoreError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import open_store
from recursor.storage.store import Reader, Store
from recursor.storage.tables import TABLES

if TYPE_CHECKING:
    from recursor.doctor.evidence import Condition
    from recursor.runner.client import ApiClient

T = TypeVar("T")

Answer = Any
"""A record as JSON shows it, or several by the ids of their stacks; what is none stays what it is."""

# Seconds for which a command waits for a runner that is starting or ending, or for another command.
PATIENCE_SECONDS = 10.0


class Engine(Protocol):
    """What does what is asked for: a runner, or the orchestrator in this process."""

    def ask(self, message: object) -> object:
        """Return the answer to a message; what it asks for is on disk by then.

        Raises:
            RecursorError: it cannot be done.
        """
        ...


def token_of_environment() -> str | None:
    """Return the secret that a runner may want, from RECURSOR_TOKEN alone."""
    return os.environ.get(TOKEN) or None


class Access:
    """The stacks of one data directory, or of a runner elsewhere, for the length of a command.

    What is to be done, the runner that is up on the directory is asked for, over its control socket; if none
    is up, the same orchestrator does it in this process, without agents, while it holds the directory. What
    is to be shown, the runner is asked for over HTTP, or it is read in the store, which makes nothing that
    isn't there. For a runner elsewhere nothing stands in.
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
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Give access to `data`, or to the runner at `url`.

        Args:
            data: the data directory.
            now: tells the time in seconds since the epoch, UTC.
            url: where a runner elsewhere serves: then the directory is not looked at.
            token: tells the secret that a runner may want.
            settings: tells what a runner here would have.
            team: the team that a runner here would have; None if that is not known.
            runner: what a runner here would let all stacks spend together.
            patience: how long to wait for who holds the directory and takes no commands, in seconds.

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
        self._patience = patience
        self._store: Store | None = None
        self._nothing: MemoryStore | None = None
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

    def ask(self, message: object) -> Answer:
        """Have done what a message says, and return its answer.

        Args:
            message: one of `recursor.domain.commands` or `recursor.actors.messages` that changes something;
                it may be sent twice, and is done once.

        Raises:
            RecursorError: it cannot be done.
            DirectoryInUseError: another process holds the directory, and takes no commands.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with self._engine() as engine:
                    return _plain(engine.ask(message))
            except (RunnerGoneError, DirectoryInUseError) as error:
                if time.monotonic() >= deadline:
                    raise self._took_too_long(error) from error
            time.sleep(PAUSE_SECONDS)

    def knows_roles(self) -> bool:
        """Whether roles that are named are held against a team: that of a runner, or of the settings."""
        return self._team is not None or self.is_run()

    def client(self) -> ApiClient | None:
        """Return the way to the runner's API, if there is one that has answered so far."""
        if self._client is None and not self._silent:
            where = (self._url, None) if self._url is not None else self._runner_here()
            if where is not None:
                from recursor.runner.client import ApiClient

                url, runner = where
                self._client = ApiClient(url, runner=runner, token=self._token())
        return self._client

    def condition(self) -> Condition | None:
        """Return what only the runner can tell of itself; None if there is none that serves.

        Raises:
            RecursorError: it does not tell.
        """
        client = self.client()
        if client is None:
            return None
        from recursor.doctor.evidence import Condition

        return client.get(Condition, "/api/doctor/runner")

    def look_again(self) -> None:
        """Forget the runner that was found, and look for one anew when it is next asked for."""
        self._give_up()
        self._silent = False

    def runner(self) -> Holder | None:
        """Return the runner that holds the directory, or None.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return runner_of(self._data)

    def is_run(self) -> bool:
        """Return whether there is a runner, as far as can be told without asking it.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return self._url is not None or self.runner() is not None

    def is_there(self) -> bool:
        """Return whether there is anything to act on: a runner, or a store.

        Raises:
            StorageError: the lock file cannot be read.
        """
        return self.is_run() or (store_directory(self._data) / "data.mdb").exists()

    def close(self) -> None:
        """Let go of the store and the runner. Closing twice is fine."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self._close_stores()

    def __enter__(self) -> Access:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """Yield what does things there as long as it is needed.

        Raises:
            RunnerGoneError, DirectoryInUseError: who holds the directory takes no commands now.
        """
        if self._url is not None:
            from recursor.runner.remote import RemoteEngine

            client = self.client()
            assert client is not None
            yield RemoteEngine(client)
            return
        found = holder(self._data)
        place = None if found is None else found.details.get("control")
        if found is not None and isinstance(place, str):
            from recursor.runner.control_client import ControlClient

            with closing(ControlClient(self._data, place, found.pid)) as runner:
                yield runner
            return
        # It takes a moment to import, in which nobody is to wait for the directory.
        from recursor.runner.own_engine import own_engine

        # A process may open a store only once.
        self._close_stores()
        with own_engine(self._data, self._settings(), self._limits(), self._team) as engine:
            yield engine

    def _took_too_long(self, error: RecursorError) -> DirectoryInUseError:
        why = str(error)
        if isinstance(error, DirectoryInUseError):
            found = holder(self._data)
            who = "another process" if found is None else f"process {found.pid}"
            why = f"{self._data}: {who} is starting, ending, or busy with another command"
        return DirectoryInUseError(
            f"{why}; waited for it for {self._patience:g} s: try again, or see `recursor doctor`"
        )

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

    def _close_stores(self) -> None:
        for store in (self._store, self._nothing):
            if store is not None:
                store.close()
        self._store = self._nothing = None


def _plain(answer: object) -> Answer:
    match answer:
        case Record() | CoreRecord():
            return answer.model_dump(mode="json")
        case dict():
            return {key: _plain(value) for key, value in answer.items()}
        case _:
            return answer
