"""The runner: one process that runs all stacks of a data directory and serves commands."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError, ActorRef

from recursor.actors.environment import Runtime
from recursor.actors.messages import GetLoad, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.hosts.hosted import hosted
from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.exchange import Exchange
from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.domain.process_settings import SqlSettings
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.wording import plural
from recursor.runner.agent_processes import AgentAssignment, AgentProcesses
from recursor.runner.api_socket import ApiSocket, publish_to
from recursor.runner.child_process import ChildLog
from recursor.runner.control_socket import control_listener
from recursor.runner.data_paths import log_file, store_directory, workspaces_directory
from recursor.runner.directory_lock import hold_for_runner
from recursor.runner.event_relay import EventRelay
from recursor.runner.log_pages import LogPages
from recursor.runner.orchestrator_server import OrchestratorServer
from recursor.runner.port import listen
from recursor.runner.team import standard_team
from recursor.runner.web_process import Assignment, WebProcess
from recursor.runtime.clock import SystemClock
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.task import HIGHEST_PRIORITY
from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from recursor.storage.roles_in_use import missing_roles
from recursor.storage.tables import WORKSPACES
from recursor.web.access import LOOPBACK, WebAccess, bracketed, is_wildcard
from recursor.web.orchestrator_client import ActorClient
from recursor.workspaces.upkeep import Upkeep

if TYPE_CHECKING:
    from recursor.orchestration.roles import RoleRegistry
    from recursor.web.engine import Engine

logger = logging.getLogger("recursor.runner")


# Characters: the lock file has one page for everything.
_LONGEST_REASON = 300


class RunnerError(RecursorError):
    """The runner could not start, or cannot continue."""


class Runner:
    """Lock, store, orchestrator and HTTP server, from `with` to its end.

    Example:
        with Runner(Path(".recursor"), port=0) as runner:
            runner.orchestrator.ask(ControlStack(stack_id, Command.START))
            ...
            runner.begin_stop(grace=10).get()
    """

    orchestrator: ActorRef[Orchestrator]
    store: LmdbStore
    port: int

    def __init__(
        self,
        data: Path,
        *,
        roles: RoleRegistry | None = None,
        settings: Settings | None = None,
        runner: RunnerSettings | None = None,
        port: int | None = None,
        access: WebAccess | None = None,
        sql: SqlSettings | None = None,
        log: bool = False,
        team: str | None = None,
        agent_processes: int = 0,
    ) -> None:
        """Prepare a runner; nothing is changed yet.

        Args:
            data: the data directory; it is created if necessary.
            roles: the team; by default the standard one.
            settings: defaults for all stacks.
            runner: sizes and periods of this runner.
            port: the port; 0 for any free one, None for the default if it is free.
            access: the address to serve on, and the allowed clients; by default programs on this machine.
            sql: the limits of an SQL query over HTTP.
            log: whether child processes write to the log in the data directory.
            team: the name of the team in `roles`, as for `team_named`.
            agent_processes: the number of further processes for agents that ask models.

        Raises:
            InvalidInputError: further processes cannot load `roles`, which have no name.
        """
        if agent_processes and roles is not None and team is None:
            raise InvalidInputError(
                f"agent_processes={agent_processes}: other processes cannot load roles: also name their team"
            )
        self.data = data
        self.roles = roles or standard_team()
        self.settings = settings or Settings()
        self.clock = SystemClock()
        self._runner = runner or RunnerSettings()
        self._wanted_port = port
        self._access = access or WebAccess()
        self._sql = sql or SqlSettings()
        self._log = log
        self._team = team
        self._agent_processes = agent_processes
        self._held = ExitStack()

    @property
    def url(self) -> str:
        """The address that it serves on."""
        host = self._access.host
        return f"http://{bracketed(LOOPBACK if is_wildcard(host) else host)}:{self.port}"

    def __enter__(self) -> Runner:
        """Start: lock the directory, then listen on the port, then run stacks and publish the address.

        Raises:
            DirectoryInUseError: another runner has locked the data directory, or a command holds it for long.
            PortTakenError: another program listens on the wanted port.
            StorageError: the data directory cannot be used.
            RunnerError: the orchestrator could not start.
        """
        with ExitStack() as held:
            lock = held.enter_context(hold_for_runner(self.data))
            listener = held.enter_context(closing(listen(self._wanted_port, self._access.host)))
            self.port = listener.getsockname()[1]
            # With many stacks the rest takes seconds, in which monitors are already answered.
            web = WebProcess(listener)
            held.callback(web.stop)
            web.open()
            self.store = held.enter_context(closing(open_store(store_directory(self.data))))
            held.callback(self.clock.close)
            self.orchestrator = self._start_orchestrator(held)
            held.callback(self._warn_of_missing_roles().join)
            assignment = Assignment(
                self.data,
                self.settings,
                self.port,
                self._access,
                os.getpid(),
                self._sql,
                self._runner,
            )
            control, place = held.enter_context(control_listener(self.data))
            relay = held.enter_context(EventRelay(self.orchestrator))
            api = ApiSocket(control, lambda: self._engine(relay))
            # Later commands wait for the directory.
            held.callback(api.stop)
            api.start()
            sign = _Sign(lock, self.url)
            # Before the API's socket and the orchestrator.
            held.callback(web.stop)
            lock.update(control=place)
            sign.put(None)
            # First at the end: from then on, questions go to the store, not to a closing server.
            held.callback(sign.take_down)
            web.start(
                assignment,
                lambda link, _: OrchestratorServer(self.orchestrator, relay, link),
                ChildLog("web", self.data, self._log, self._access.token),
                sign.put,
            )
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop at once; running agents run again at the next start."""
        self._held.close()

    def begin_stop(self, grace: float) -> DispatchedFuture[bool]:
        """Start no more agents and let the running ones finish.

        Args:
            grace: the most seconds to wait for them.

        Returns:
            A future: whether all ended in time. If `with` ends before, they are abandoned.
        """
        future = self.orchestrator.ask(Shutdown(grace), block=False)
        assert isinstance(future, DispatchedFuture)
        return future

    def _engine(self, relay: EventRelay) -> Engine:
        """Return the engine for the API on the socket."""
        from recursor.web.engine import Engine
        from recursor.web.event_feed import EventFeed

        feed = EventFeed()
        relay.add(publish_to(feed))
        return Engine(
            ActorClient(self.orchestrator),
            self.store,
            self.settings,
            self.clock,
            feed,
            self.data,
            self._sql,
            self._runner,
            LogPages(log_file(self.data)),
        )

    def _warn_of_missing_roles(self) -> threading.Thread:
        """Log the roles that stacks have worked with but that the team lacks: nobody does their work."""

        def look() -> None:
            with self.store.read() as reader:
                missing = missing_roles(reader, self.roles)
            for role, stacks in missing.items():
                logger.warning(
                    "role %s is not in the team, and has run in %s (%s): start the runner with the --team "
                    "that has the role, unless it was removed on purpose",
                    role,
                    plural(len(stacks), "stack"),
                    ", ".join(stack_id[:8] for stack_id in stacks[:3]) + (", ..." if len(stacks) > 3 else ""),
                )

        # With a hundred thousand stacks this takes a third of a second, which the start need not wait for.
        thread = threading.Thread(target=look, name="missing-roles", daemon=True)
        thread.start()
        return thread

    def _start_orchestrator(self, held: ExitStack) -> ActorRef[Orchestrator]:
        addresses = ModelAddresses.of_operator(
            self.settings, self._runner, loopback=self._access.token is None
        )
        roles, models = self.roles, Exchange(self.clock, self._runner.rates, addresses=addresses)
        runtime = Runtime.of_threads(self._runner, self.clock)
        if self._agent_processes:
            log = ChildLog("agents", self.data, self._log)
            processes = AgentProcesses(
                self._agent_processes, AgentAssignment(self._team, addresses), log, models
            )
            runtime.agents.submit_coroutine(lambda _: processes.start(), priority=HIGHEST_PRIORITY)
            runtime.agents.call_at_end(processes.stop)
            roles = hosted(roles, processes.host)
        upkeep = Upkeep(workspaces_directory(self.data))
        held.callback(upkeep.close)
        with self.store.read() as reader:
            upkeep.tidy({key.decode() for key, _ in reader.scan(WORKSPACES.name)})
        orchestrator = Orchestrator.start(
            store=self.store,
            roles=roles,
            settings=self.settings,
            runner=self._runner,
            models=models,
            upkeep=upkeep,
            runtime=runtime,
        )
        held.callback(_stop, orchestrator)
        try:
            orchestrator.ask(GetLoad())
        except ActorDeadError as error:
            raise RunnerError(
                f"{self.data}: the orchestrator could not start: set RECURSOR_DEBUG=1 to see why"
            ) from error
        return orchestrator


class _Sign:
    """The entries in the lock file for commands: the API's address, or why it is not served."""

    def __init__(self, lock: DataDirectoryLock, url: str) -> None:
        self._lock = lock
        self._url = url
        self._down = False
        self._changing = threading.Lock()

    def put(self, unserved: str | None) -> None:
        """Record why nothing is served, so that commands read the store meanwhile; None: it is served."""
        with self._changing:
            if not self._down:
                url = self._url if unserved is None else None
                self._lock.update(url=url, unserved=unserved and unserved[:_LONGEST_REASON])

    def take_down(self) -> None:
        """Record that serving has ended on purpose."""
        with self._changing:
            self._down = True
            self._lock.update(url=None, unserved=None)


def _stop(orchestrator: ActorRef[Any]) -> None:
    with suppress(ActorDeadError):
        orchestrator.stop()
