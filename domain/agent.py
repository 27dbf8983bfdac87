"""What a role does: the one thing that users of Recursor write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import Spend


class Meter(Protocol):
    """Counts what a run spends, durably, and refuses what would exceed a budget. It may block."""

    def begin(self) -> None:
        """Count a run that will call a model.

        Raises:
            BudgetExceededError: there have been as many within the hour as are allowed.
            AgentFailedError: its stack is not there any more.
        """
        ...

    def reserve(self, most: Spend) -> str:
        """Set aside what a call may cost at most; to be called before each call.

        Returns:
            the key of what was set aside.

        Raises:
            BudgetHeldError: a budget has enough left, which others have set aside: try after one of them.
            BudgetExceededError: a budget has less left.
            PriceUnknownError: it has a part of unknown price, and a budget in dollars applies.
            AgentFailedError: its stack is not there any more.
        """
        ...

    def settle(self, reservation: str, spent: Spend | None) -> None:
        """Replace what was set aside by what the call has cost.

        Args:
            reservation: what `reserve` returned.
            spent: what was spent; None where nobody can tell: then all that was set aside counts as spent.
        """
        ...


class Unmetered:
    """A `Meter` that counts nothing and allows everything: for agents in tests and in other programs."""

    def begin(self) -> None:
        """See `Meter.begin`."""

    def reserve(self, most: Spend) -> str:  # noqa: ARG002  # nothing is counted
        """See `Meter.reserve`."""
        return ""

    def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""


class Models(Protocol):
    """What asks models on behalf of all runs of an orchestrator; `recursor.agents.model` knows its kind."""

    def close(self) -> None:
        """Cut off what is being asked, and end all that belongs to it."""
        ...


class Seat(Protocol):
    """One of the limited places that agents run in; for any thread."""

    @property
    def is_crowded(self) -> bool:
        """Whether so many runs wait without a place that one more would be too many."""
        ...

    def leave(self) -> None:
        """Let another agent run in it, while this one waits for what others hold."""
        ...

    def take(self, then: Callable[[], object]) -> None:
        """Have `then` called, on any thread, as soon as the run has a place again; it must not block."""
        ...


class Anywhere:
    """A `Seat` where places are not limited: in tests and in other programs."""

    is_crowded = False

    def leave(self) -> None:
        """See `Seat.leave`."""

    def take(self, then: Callable[[], object]) -> None:
        """See `Seat.take`."""
        then()


def _say_nothing(_text: str) -> None:
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
    """Set when the run is abandoned: what it returns from then on is discarded."""
    meter: Meter = field(default_factory=Unmetered)
    """What it spends is counted here."""
    say: Callable[[str], None] = _say_nothing
    """Tells those who watch what it is about to answer, so far; may be called as often as there is more."""
    priority: int = 0
    """Of the node, 0 to 10: the most urgent run goes first where calls of models wait in line."""
    models: Models | None = None
    """Asks models for it; None: what all runs of the process share that have none."""
    seat: Seat = field(default_factory=Anywhere)
    """Its place among the agents that run at a time."""


class Agent(Protocol):
    """Does one role's work. It may block; it must not write to the store."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """Read `snapshot` and propose what should change.

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
