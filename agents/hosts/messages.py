"""What the runner's process and one of those that run agents say to each other: plain data, pickled.

Both ends are ours and of one version.
"""

from dataclasses import dataclass
from typing import Literal

from recursor.agents.model.traffic import Again
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Ready:
    """The process has loaded what it needs."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Run an agent; the fields are those of `recursor.domain.agent.Run`."""

    number: int
    snapshot: Snapshot
    execution_id: str
    role: str
    attempt: int
    reason: str
    settings: Settings
    deadline: float
    priority: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """A run is not wanted any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A run has ended.

    What it returned or raised may be of anybody's class, and is pickled by itself: that it cannot be read is
    the trouble of this run alone.
    """

    number: int
    outcome: bytes | None
    error: bytes | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a run is about to answer, so far."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Metered:
    """A run asks its meter for something."""

    number: int
    question: int
    method: Literal["begin", "reserve", "settle"]
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class MeterSaid:
    """What the meter answers."""

    question: int
    value: object
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Enter:
    """A call waits in line; see `Traffic.enter`."""

    call: int
    number: int
    """The run's."""
    model: str
    base_url: str | None
    tokens: int
    priority: int
    again: Again | None


@dataclass(frozen=True, slots=True)
class Entered:
    """A call may begin, or is sent away."""

    call: int
    again: Again | None
    """Of the pass, if it may begin."""
    error: BaseException | None = None
    """Why it is sent away."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A call waits in line no more."""

    call: int


@dataclass(frozen=True, slots=True)
class Left:
    """A call has ended; see `Traffic.leave`, `answered`, `refused` and `unused`."""

    call: int
    model: str
    base_url: str | None
    tokens: int | None
    """What it took, where that is known."""
    verdict: Literal["answered", "refused", "unused"] | None
    wait: float | None
    """Seconds that its provider asks for."""


@dataclass(frozen=True, slots=True)
class Shut:
    """A provider wants to be left alone until then: seconds since the epoch, UTC."""

    model: str
    base_url: str | None
    until: float
