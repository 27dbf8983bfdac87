"""The engine behind the HTTP resources and pages: the store to read, and the orchestrator to ask."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from recursor.domain.errors import RecursorError
from recursor.domain.log import LogSource
from recursor.domain.process_settings import ProcessSettings, SqlSettings
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import SCRIPTED, Overrides, RunnerSettings, Settings
from recursor.domain.workspace import Workspace
from recursor.runtime.clock import Clock
from recursor.storage.store import Reader
from recursor.web.audit import is_change, log_change, values_before
from recursor.web.event_feed import EventFeed
from recursor.web.orchestrator_client import ANSWER_SECONDS, OrchestratorClient


class Readable(Protocol):
    """Something readable, such as a store."""

    def read(self) -> AbstractContextManager[Reader]:
        """Open a snapshot during a `with` block. See `Store.read`."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """A running orchestrator, wherever it runs, with its store and settings."""

    orchestrator: OrchestratorClient
    store: Readable
    settings: Settings
    """The runner's settings; a stack's own override them."""
    clock: Clock
    events: EventFeed = field(default_factory=EventFeed)
    data: Path | None = None
    """The data directory; None if the store is in memory."""
    sql: SqlSettings = field(default_factory=SqlSettings)
    """The limits of an SQL query."""
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    """The runner's own settings, including the budget of all stacks together."""
    log: LogSource | None = None
    """The runner's log; None if there is no data directory."""
    runs_agents: bool = True
    """Whether agents run; they do not where a command reads the store without a runner."""

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """Ask the orchestrator, and log changes with their author. See `OrchestratorClient.ask`."""
        if not is_change(message):
            return await self.orchestrator.ask(message, seconds)
        with self.read() as reader:
            before = values_before(message, reader, self.runner)
        try:
            answer = await self.orchestrator.ask(message, seconds)
        except RecursorError as error:
            log_change(message, before, error)
            raise
        log_change(message, before)
        return answer

    def read(self) -> AbstractContextManager[Reader]:
        """Open a snapshot of the store during a `with` block. See `Store.read`."""
        return self.store.read()

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        return self.clock.now()

    def understood(
        self, idea: ProjectIdea, overrides: Overrides, workspace: Workspace | None = None
    ) -> ProjectIdea:
        """Return an idea with the scripted team's reading of it, if its team is the scripted one.

        Args:
            idea: a person's idea.
            overrides: its stack's overrides of the runner's settings.
            workspace: its stack's repository, if it works on one.
        """
        # The runner's settings name a team only if a program's own configuration set it.
        if isinstance(self.runner, ProcessSettings) and self.runner.team is not None:
            return idea
        settings = self.settings.overridden(overrides)
        if any(settings.model.of(role) != SCRIPTED for role in ("planner", "builder")):
            return idea
        # It reads all components, which a server does not need earlier.
        from recursor.agents.scripted.reading import read_idea, read_idea_for_site

        if workspace is None:
            return idea.but(reading=read_idea(idea.idea).told)
        if settings.agent.of("builder") != "model":
            return idea
        return idea.but(reading=read_idea_for_site(idea.idea, cloned=workspace.origin is not None).told)


def _engine(request: Request) -> Engine:
    engine = request.app.state.engine
    assert isinstance(engine, Engine)
    return engine


TheEngine = Annotated[Engine, Depends(_engine)]
