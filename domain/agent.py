"""The interface of agents, which do the work of roles: the part that users of Recursor write."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import Spend


class Meter(Protocol):
    """Counts a run's spending durably, and refuses calls that would exceed a budget."""

    async def begin(self) -> None:
        """Count a run that will call a model.

        Raises:
            BudgetExceededError: the limit of runs per hour is reached.
            AgentFailedError: its stack was deleted.
        """
        ...

    async def reserve(self, most: Spend) -> str:
        """Reserve the maximum cost of a call; call this before each call.

        Returns:
            the key of the reservation. A caller that is cancelled while it waits has nothing to settle.

        Raises:
            BudgetHeldError: other calls have reserved what is left of a budget: try again later.
            BudgetExceededError: a budget has too little left.
            PriceUnknownError: part of the cost has no known price, and a budget in dollars applies.
            AgentFailedError: its stack was deleted.
        """
        ...

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """Replace a reservation with the actual cost of the call.

        Args:
            reservation: the key that `reserve` returned.
            spent: the actual cost; None if unknown: then the whole reservation counts as spent.
        """
        ...


class Unmetered:
    """A `Meter` that counts nothing and allows everything: for agents in tests and in other programs."""

    async def begin(self) -> None:
        """See `Meter.begin`."""

    async def reserve(self, most: Spend) -> str:  # noqa: ARG002  # nothing is reserved
        """See `Meter.reserve`."""
        return ""

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""


class Models(Protocol):
    """Asks models for all runs of an orchestrator; `recursor.agents.model` knows its type."""

    async def aclose(self) -> None:
        """Cancel running calls and close all connections. Called on the event loop."""
        ...


class RepositoryDirectory(Protocol):
    """Where the repositories of all stacks are; `recursor.workspaces.directories` knows its type."""

    def repository_path(self, stack_id: str) -> Path:
        """Return where a stack's repository is, or is to be made."""
        ...


def _ignore(_text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an agent: its key, its limits, and whether it was abandoned."""

    execution_id: str
    role: str
    attempt: int
    """With the two above, the key of the run: a repetition after a crash differs only in this."""
    reason: str
    """Why the agent runs, from the detector."""
    settings: Settings
    deadline: float
    """When the run will be abandoned: seconds since the epoch, UTC."""
    cancelled: Event = field(default_factory=Event)
    """Set when the run is abandoned: its outcome is discarded then. A coroutine is also cancelled."""
    meter: Meter = field(default_factory=Unmetered)
    """Counts the run's spending."""
    say: Callable[[str], None] = _ignore
    """Shows observers the answer so far; may be called repeatedly as it grows."""
    todo_id: str | None = None
    """The todo to work on, if the run is for one; then it belongs to the key of the run."""
    granted: tuple[str, ...] = ()
    """Digests of what a person has approved for this run: it may do each once."""
    priority: int = 0
    """The node's, 0 to 10: the most urgent run goes first where model calls queue."""
    models: Models | None = None
    """Asks models for the run; None: the models that all runs of the process share."""
    workspaces: RepositoryDirectory | None = None
    """Where the stack's repository is; None: the program keeps none."""
    aside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Frees the run's place among the concurrent agents during an `async with` block in which a coroutine
    only waits."""


class Agent(Protocol):
    """Does one role's work. It must not write to the store."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome | Awaitable[Outcome]:
        """Read `snapshot` and propose what should change.

        A function runs on a thread of its own and may block. A coroutine function (`async def`) runs on the
        event loop that all of them share and must not block it.

        Args:
            snapshot: the stack as it was just before the wave.
            run: the key of this run, its reason, settings and deadline.

        Returns:
            the effects that the supervisor should apply, all or none.

        Raises:
            AgentFailedError: the agent gives up: the node fails with this text, and its spending is counted.
            BudgetExceededError: the meter refused a call: the node fails, and the stack is paused.
            Exception: anything else: the node fails with this text, and the others continue.
        """
        ...


class AgentChoice(Protocol):
    """Chooses a role's agent for every run, before the run gets a thread or the event loop."""

    def choose(self, role: str, snapshot: Snapshot, settings: Settings) -> Agent:
        """Return the agent for `role` of a stack under its `settings`. It must not block."""
        ...
