"""The environment shared by all actors of an orchestrator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recursor.actors.event_bus import EventBus
from recursor.domain.agent import Models, RepositoryDirectory
from recursor.domain.ids import new_id
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.roles import RoleRegistry
from recursor.orchestration.stack_machine import StackMachine
from recursor.runtime.actor import DispatchedRef
from recursor.runtime.clock import Clock
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.interfaces import ActorDispatcher, Pool
from recursor.runtime.pool import TaskPool
from recursor.storage.store import Store
from recursor.workspaces.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Runtime:
    """The runtime of an orchestrator: real threads and time, or simulated ones."""

    clock: Clock
    control: ActorDispatcher
    """Runs actors, which never block."""
    agents: Pool
    """Runs agents. Its size limits the number of concurrent agents."""
    new_id: Callable[[], str] = new_id
    """Makes ids that sort by age."""

    @classmethod
    def of_threads(cls, runner: RunnerSettings, clock: Clock) -> "Runtime":
        """Return a runtime of real threads, started on demand.

        Args:
            runner: sets their number.
            clock: the time.
        """
        control = Dispatcher(runner.control_threads, "recursor-control")
        return cls(clock, control, TaskPool(runner.agents, "recursor-agent"))


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of a stack's actors."""

    store: Store
    roles: RoleRegistry
    settings: Settings
    """The runner's settings; a stack's own override them."""
    runner: RunnerSettings
    runtime: Runtime
    machine: StackMachine
    events: EventBus
    models: Models
    """Asks models for agents."""
    orchestrator: DispatchedRef[Any]
    ledger: DispatchedRef[Any]
    """Counts the spending of agents."""
    runs: bool = True
    """Whether agents run."""
    upkeep: Upkeep | None = None
    """Keeps the stacks' repositories; None: stacks have none."""

    def workspaces_of(self, snapshot: Snapshot) -> RepositoryDirectory | None:
        """Return where a stack's repository is; None: it has none, or this program keeps none."""
        return None if self.upkeep is None or snapshot.workspace is None else self.upkeep.workspaces
