"""What a role does: the one thing that users of Recursor write."""

from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot


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
            Exception: anything: the node fails with its text, the others run on.
        """
        ...
