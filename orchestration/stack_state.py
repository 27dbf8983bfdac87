"""What the owner of a stack knows, and what an event makes of it."""

from dataclasses import dataclass

from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import NotFoundError
from recursor.domain.settings import Settings
from recursor.orchestration.stack_events import Activity, Effect
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.writes import Writes


@dataclass
class StackState:
    """All that the owner of a stack knows. A step makes a new one of it, and leaves it as it was."""

    records: StackRecords
    settings: Settings
    """The runner's, with the stack's own over them."""
    activity: Activity = Activity.HELD
    turn: int = 0
    """Raised by every new activity: an answer to an earlier turn is stale."""
    runs: bool = True
    """Whether agents may run at all: not where a command alone has opened the data directory."""
    quiescing: bool = False
    """Whether the process is ending."""
    due: float | None = None
    """Until when a resting stack waits: seconds since the epoch, UTC; None: until an event."""
    backing_off: bool = False
    """Whether it waits that long whatever comes."""
    looked_at: int = -1
    """What `records.changes` was when the work cache was asked last."""
    looks: int = 0
    """Looks in a row that something came in between."""
    look_failures: int = 0
    deaths: tuple[float, ...] = ()
    """When actors of the stack died, lately."""
    trouble: str | None = None
    """What keeps it from running, where no record says so."""
    damage: str | None = None
    """Which of its records cannot be read."""
    unusable: str | None = None
    """Why its settings cannot be used: another version wrote them."""
    is_new: bool = False
    """Whether it is not stored yet."""

    def copy(self) -> "StackState":
        """Return a copy to be changed."""
        copied = object.__new__(StackState)
        copied.__dict__ = self.__dict__.copy()
        return copied


@dataclass(slots=True)
class Step:
    """What an event comes to."""

    at: float
    """When: seconds since the epoch, UTC."""
    state: StackState
    writes: Writes
    """To be written, if not now, then with a later step's."""
    effects: list[Effect]
    """To be carried out at once."""
    after: list[Effect]
    """To be carried out when `writes` are on disk."""
    save: bool
    """Whether what has not been written yet is to be written now."""
    answer: AnyRecord | NotFoundError | None = None
    """What the command is answered with, or why it is refused, when `writes` are on disk."""
