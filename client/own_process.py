"""The API of a data directory in this process: it answers if no runner is up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pykka import ActorDeadError

from recursor.runner.api_socket import PORT
from recursor.runner.data_paths import log_file, store_directory, workspaces_directory
from recursor.runner.directory_lock import hold_for_command
from recursor.runner.log_pages import LogPages
from recursor.runtime.clock import SystemClock
from recursor.storage.errors import DirectoryInUseError, UnfinishedStoreError
from recursor.storage.opening import memory_store, open_store
from recursor.storage.store import Reader, Store
from recursor.web.app import make_app
from recursor.web.audit import user_name
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ANSWER_SECONDS, ActorClient
from recursor.web.parts import part_of
from recursor.workspaces.upkeep import Upkeep

if TYPE_CHECKING:
    from recursor.runner.configuration import Configuration

# A client that asks for very many rows here has the memory for them; the number of rows is the limit.
_RESULT_BYTES = 512 * 1024 * 1024


class OwnProcess:
    """Answers requests one at a time.

    Reading the store creates nothing and excludes no one. A request for the orchestrator locks the directory
    and starts an orchestrator, without agents, until it is answered.
    """

    def __init__(self, data: Path, configuration: Configuration) -> None:
        """Answer for `data`, with the settings of a runner started here."""
        self._data = data
        self._configuration = configuration
        self._store: Store | None = None
        self._orchestrator: ActorClient | None = None
        self._held = ExitStack()
        self._clock = SystemClock()
        self._apps: dict[str, httpx.ASGITransport] = {}
        self.refused = False
        """Whether the last request needed the directory, but another process had locked it."""

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Return the complete answer to a request."""
        # Each takes a while to import, and a command needs one or two.
        part = part_of(request.url.path)
        if part not in self._apps:
            app = make_app(self._engine(), PORT, parts=[part])
            # As the runner's socket names its clients.
            self._apps[part] = httpx.ASGITransport(app, client=(f"user {user_name(os.geteuid())}", 0))
        self.refused = False
        try:
            response = await self._apps[part].handle_async_request(request)
            await response.aread()
            response.request = request
            return response
        finally:
            self.close()

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """See `OrchestratorClient.ask`."""
        if self._orchestrator is None:
            try:
                self._orchestrator = self._start()
            except DirectoryInUseError:
                self.refused = True
                raise
        return await self._orchestrator.ask(message, seconds)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """See `Store.read`."""
        if self._store is None:
            self._store = self._held.enter_context(closing(self._open_to_read()))
        with self._store.read() as reader:
            yield reader

    def close(self) -> None:
        """Release the store and the directory. Closing twice is fine."""
        self._store = self._orchestrator = None
        self._held.close()

    def _engine(self) -> Engine:
        found = self._configuration
        return Engine(
            self,
            self,
            found.settings,
            self._clock,
            data=self._data,
            sql=found.sql.but(result_bytes=max(found.sql.result_bytes, _RESULT_BYTES)),
            runner=found.runner,
            log=LogPages(log_file(self._data)),
            runs_agents=False,
        )

    def _start(self) -> ActorClient:
        """Lock the directory, and start the orchestrator."""
        from recursor.actors.orchestrator import Orchestrator
        from recursor.runner.log_file import LogFile
        from recursor.runner.log_records import json_formatter
        from recursor.runner.log_secrets import known_secrets
        from recursor.runner.logs import audit_kept
        from recursor.runner.team import observers_team_named

        team = self._configuration.runner.team
        roles = observers_team_named(team)
        # A process may open a store only once.
        self.close()
        with ExitStack() as held:
            held.enter_context(hold_for_command(self._data))
            if self._configuration.runner.log_file:
                formatter = json_formatter("command", known_secrets(os.environ))
                held.enter_context(audit_kept(LogFile(log_file(self._data)), formatter))
            self._store = held.enter_context(closing(open_store(store_directory(self._data))))
            upkeep = Upkeep(workspaces_directory(self._data))
            held.callback(upkeep.close)
            orchestrator = Orchestrator.start(
                store=self._store,
                roles=roles,
                settings=self._configuration.settings,
                runner=self._configuration.runner,
                upkeep=upkeep,
                runs=False,
                roles_known=team is not None,
            )
            held.callback(_stop, orchestrator)
            self._held = held.pop_all()
        return ActorClient(orchestrator)

    def _open_to_read(self) -> Store:
        """Return the store, or an empty one if there is none."""
        path = store_directory(self._data)
        with suppress(UnfinishedStoreError):
            if (path / "data.mdb").exists():
                return open_store(path, read_only=True)
        return memory_store()


def _stop(orchestrator: Any) -> None:
    with suppress(ActorDeadError):
        orchestrator.stop()
