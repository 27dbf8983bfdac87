"""What the HTTP resources and pages work on: the store to read, and the orchestrator to ask."""

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
from recursor.runtime.clock import Clock
from recursor.storage.store import Reader
from recursor.web.audit import is_change, log_change, values_before
from recursor.web.event_feed import EventFeed
from recursor.web.orchestrator_client import ANSWER_SECONDS, OrchestratorClient


class Readable(Protocol):
    """What can be read: a store, for one."""

    def read(self) -> AbstractContextManager[Reader]:
        """Take a snapshot, for the length of a `with` block. See `Store.read`."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """A running orchestrator and what belongs to it, wherever it runs."""

    orchestrator: OrchestratorClient
    store: Readable
    settings: Settings
    """The runner's; a stack's own are applied over them."""
    clock: Clock
    events: EventFeed = field(default_factory=EventFeed)
    data: Path | None = None
    """The data directory; None where the store is in memory."""
    sql: SqlSettings = field(default_factory=SqlSettings)
    """What an SQL query may take."""
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    """What all stacks may spend together, among others."""
    log: LogSource | None = None
    """What the runner logs; None where there is no data directory."""
    runs_agents: bool = True
    """Whether agents run; they do not where a command reads the store without a runner."""

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """Ask the orchestrator, and log what is changed and by whom. See `OrchestratorClient.ask`."""
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
        """Take a snapshot of the store, for the length of a `with` block. See `Store.read`."""
        return self.store.read()

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        return self.clock.now()

    def understood(self, idea: ProjectIdea, overrides: Overrides) -> ProjectIdea:
        """Return an idea with what its team understands of it, if that is the scripted team.

        Args:
            idea: as a person gave it.
            overrides: the settings of its stack that differ from the runner's.
        """
        # The runner's settings have a team only where a program's own configuration made them.
        if isinstance(self.runner, ProcessSettings) and self.runner.team is not None:
            return idea
        model = self.settings.overridden(overrides).model
        if any(model.of(role) != SCRIPTED for role in ("planner", "builder")):
            return idea
        # It reads all components, which a server has no need of before.
        from recursor.agents.scripted.reading import read_idea

        return idea.but(reading=read_idea(idea.idea).told)


def _engine(request: Request) -> Engine:
    engine = request.app.state.engine
    assert isinstance(engine, Engine)
    return engine


TheEngine = Annotated[Engine, Depends(_engine)]
