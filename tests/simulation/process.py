"""One life of the process: an orchestrator on simulated threads and time, on a simulated disk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from recursor.actors.environment import Runtime
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.settings import RunnerSettings, Settings
from recursor.orchestration.roles import RoleRegistry
from recursor.runtime.actor import DispatchedRef
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.simulated import Scheduler, SimulatedClock, SimulatedDispatcher
from recursor.runtime.simulated_pool import SimulatedPool
from recursor.storage.commit import Commit
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.store import Done
from tests.simulation.blocking import Steps


class NoModels:
    """A `recursor.domain.agent.Models` of no models."""

    addresses = None

    async def aclose(self) -> None:
        """Close nothing."""


@dataclass(frozen=True, slots=True)
class Written:
    """A commit that an owner gave to the store."""

    commit: Commit
    number: int
    """Of its fence."""


class WatchedStore:
    """A `Store` that remembers the newest commits of each owner, so that they can arrive once more, late."""

    MOST = 3

    def __init__(self, store: SimulatedStore, written: dict[str, list[Written]]) -> None:
        """Watch `store`, and note in `written` what owners commit, by stack."""
        self.store = store
        self.written = written
        self.read = store.read
        self.write = store.write
        self.close = store.close

    def commit(self, commit: Commit, done: Done) -> None:
        """See `Store.commit`."""
        fence = commit.fence
        if fence is not None:
            kept = self.written.setdefault(fence.owner, [])
            kept.append(Written(commit, fence.number))
            if len(kept) > 2 * self.MOST:
                # The oldest of all stay, too.
                del kept[self.MOST : -self.MOST]
        self.store.commit(commit, done)


class Process:
    """What a runner is made of."""

    def __init__(
        self,
        random: Random,
        store: WatchedStore,
        scheduler: Scheduler,
        now: float,
        roles: RoleRegistry,
        settings: Settings,
        runner: RunnerSettings,
        new_id: Callable[[], str],
        *,
        runs: bool,
    ) -> None:
        """Start.

        Args:
            random: decides the order of steps.
            store: what is on disk.
            scheduler: runs the steps.
            now: what the clock shows: seconds since the epoch, UTC.
            roles: the team.
            settings: the runner's.
            runner: likewise.
            new_id: makes ids.
            runs: whether agents run; not, where commands are carried out without a runner.
        """
        self.random = random
        self.runs = runs
        self.scheduler = scheduler
        self.steps = Steps(scheduler)
        self.store = store
        self.clock = SimulatedClock(scheduler, now)
        self.control = SimulatedDispatcher(scheduler)
        self.agents = SimulatedPool(scheduler, runner.agents)
        runtime = Runtime(self.clock, self.control, self.agents, new_id)
        models: Any = NoModels()
        simulated: Any = store
        self.ref: DispatchedRef[Any] = Orchestrator.start(
            simulated,
            roles,
            settings,
            runner,
            models=models,
            runs=runs,
            runtime=runtime,
            closes_runtime=False,
        )

    @property
    def is_up(self) -> bool:
        """Whether the orchestrator has not ended."""
        return self.ref.is_alive()

    def ask(self, message: object) -> DispatchedFuture[Any]:
        """Ask the orchestrator."""
        return self.ref.ask(message, block=False)

    def crash(self) -> None:
        """Lose all that is not on disk, between two steps."""
        self.scheduler.crash()
        self.control.crash()
        self.agents.crash()
        self.clock.crash()
        self.store.store.lose_power()
        self.steps.end()

    def close(self) -> None:
        """End as a runner does, once the orchestrator has ended."""
        self.agents.shutdown(0)
        self.control.shutdown()
        self.clock.close()
        self.store.close()
        # Coroutines that ignore their cancellation end with the process.
        self.agents.crash()
        self.scheduler.crash()
        self.steps.end()

    # What follows looks into actors: what they hold in memory is what is compared with the disk.

    def supervisors(self) -> Iterator[tuple[str, Any]]:
        """Yield the supervisors that live, by stack."""
        for stack_id, active in self._roster()._active.items():
            if active.supervisor.is_alive() and not active.is_dead:
                yield stack_id, active.supervisor._actor_weakref()

    def ledger(self) -> Any:
        """Return the books in memory."""
        orchestrator = self.ref._actor_weakref()
        assert orchestrator is not None
        return orchestrator._environment.ledger._actor_weakref()._ledger

    def supervisor(self, stack_id: str) -> Any | None:
        """Return the supervisor of a stack, if it has one."""
        return dict(self.supervisors()).get(stack_id)

    @property
    def is_ending(self) -> bool:
        """Whether the orchestrator was told to end."""
        orchestrator = self.ref._actor_weakref()
        return orchestrator is not None and orchestrator._closing is not None

    def _roster(self) -> Any:
        return self.ref._actor_weakref()._roster
