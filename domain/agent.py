"""What a role does: the one thing that users of Recursor write."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import Spend


class Meter(Protocol):
    """Counts what a run spends, durably, and refuses what would exceed a budget."""

    async def begin(self) -> None:
        """Count a run that will call a model.

        Raises:
            BudgetExceededError: there have been as many within the hour as are allowed.
            AgentFailedError: its stack was deleted.
        """
        ...

    async def reserve(self, most: Spend) -> str:
        """Set aside what a call may cost at most; to be called before each call.

        Returns:
            the key of what was set aside. A caller that is cancelled while it waits has nothing to settle.

        Raises:
            BudgetHeldError: a budget has enough left, but other calls have reserved it: try again later.
            BudgetExceededError: a budget has less left.
            PriceUnknownError: part of it has no known price, and a budget in dollars applies.
            AgentFailedError: its stack was deleted.
        """
        ...

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """Replace what was reserved by what the call cost.

        Args:
            reservation: what `reserve` returned.
            spent: what was spent; None if that is unknown: then all that was reserved counts as spent.
        """
        ...


class Unmetered:
    """A `Meter` that counts nothing and allows everything: for agents in tests and in other programs."""

    async def begin(self) -> None:
        """See `Meter.begin`."""

    async def reserve(self, most: Spend) -> str:  # noqa: ARG002  # nothing is counted
        """See `Meter.reserve`."""
        return ""

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""


class Models(Protocol):
    """What asks models on behalf of all runs of an orchestrator; `recursor.agents.model` knows its kind."""

    async def aclose(self) -> None:
        """Cancel the calls under way and close all connections. Called on the event loop."""
        ...


def _ignore(_text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an agent: its key, its limits, and whether it is still wanted."""

    execution_id: str
    role: str
    attempt: int
    """With the two above, the key of the run: a repetition after a crash differs in this alone."""
    reason: str
    """Why the agent runs, as the detector said."""
    settings: Settings
    deadline: float
    """When the run is abandoned: seconds since the epoch, UTC."""
    cancelled: Event = field(default_factory=Event)
    """Set when the run is abandoned: what it returns is discarded then. A coroutine is cancelled, too."""
    meter: Meter = field(default_factory=Unmetered)
    """Counts what the run spends."""
    say: Callable[[str], None] = _ignore
    """Tells observers the answer so far; may be called as often as there is more."""
    priority: int = 0
    """Of the node, 0 to 10: the most urgent run goes first where calls of models wait in line."""
    models: Models | None = None
    """Asks models for it; None: those that all runs of the process share."""
    aside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Frees the run's place among the agents that run at a time, for the length of an `async with` block in
    which a coroutine only waits for others."""


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
            the effects that the supervisor shall apply, all or none.

        Raises:
            AgentFailedError: it gives up: the node fails with its text, what it spent is counted.
            BudgetExceededError: what its meter refused: the node fails, and the stack is paused.
            Exception: anything else: the node fails with its text, the others run on.
        """
        ...


class AgentChoice(Protocol):
    """Stands for several agents in a role: chosen at every run, before it gets a thread or the event loop."""

    def choose(self, role: str, settings: Settings) -> Agent:
        """Return the agent that does the work of `role` under a stack's `settings`. It must not block."""
        ...
