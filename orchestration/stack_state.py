"""The state of a stack's owner, and the step that an event causes."""

from dataclasses import dataclass

from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import NotFoundError
from recursor.domain.settings import Settings
from recursor.orchestration.stack_events import Activity, Effect
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.writes import Writes


@dataclass
class StackState:
    """The state of a stack's owner. A step makes a new one and leaves the old one unchanged."""

    records: StackRecords
    settings: Settings
    """The runner's settings, overridden by the stack's own."""
    activity: Activity = Activity.HELD
    turn: int = 0
    """Raised by every new activity: answers to earlier turns are stale."""
    runs: bool = True
    """Whether agents may run at all: not if a single command has opened the data directory."""
    quiescing: bool = False
    """Whether the process is ending."""
    due: float | None = None
    """Until when a resting stack waits: seconds since the epoch, UTC; None: until an event."""
    backing_off: bool = False
    """Whether it waits that long whatever happens."""
    looked_at: int = -1
    """The value of `records.changes` when the work cache was last asked."""
    looks: int = 0
    """Consecutive checks that were interrupted by a change."""
    look_failures: int = 0
    deaths: tuple[float, ...] = ()
    """Recent deaths of the stack's actors."""
    trouble: str | None = None
    """The problem that keeps it from running, if no record shows it."""
    damage: str | None = None
    """Its unreadable record."""
    unusable: str | None = None
    """Why its settings cannot be used: another version wrote them."""
    is_new: bool = False
    """Whether it is not stored yet."""

    def copy(self) -> "StackState":
        """Return a copy to change."""
        copied = object.__new__(StackState)
        copied.__dict__ = self.__dict__.copy()
        return copied


@dataclass(slots=True)
class Step:
    """The step that an event causes."""

    at: float
    """The time of the step: seconds since the epoch, UTC."""
    state: StackState
    writes: Writes
    """Writes, at the latest with a later step's."""
    effects: list[Effect]
    """Effects to carry out at once."""
    after: list[Effect]
    """Effects to carry out when `writes` are on disk."""
    save: bool
    """Whether to write all unwritten changes now."""
    answer: AnyRecord | NotFoundError | None = None
    """The command's answer or error, for when `writes` are on disk."""
