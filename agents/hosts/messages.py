"""What the runner's process and one that runs agents send each other: plain data, pickled."""

from dataclasses import dataclass
from typing import Literal

from recursor.agents.model.rate_limiter import Turn
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
    """Cancel a run."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A run has ended.

    What it returned or raised may be of anybody's class, and is pickled by itself: if it cannot be read, only
    this run fails.
    """

    number: int
    outcome: bytes | None
    error: bytes | None


@dataclass(frozen=True, slots=True)
class Said:
    """A run's answer so far."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class MeterCall:
    """A run calls its meter."""

    number: int
    question: int
    method: Literal["begin", "reserve", "settle"]
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class MeterAnswer:
    """The meter's answer."""

    question: int
    value: object
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Acquire:
    """A call of a model asks to begin; see `RateLimiter.acquire`."""

    call: int
    number: int
    """The run's."""
    model: str
    base_url: str | None
    tokens: int
    priority: int
    turn: Turn | None


@dataclass(frozen=True, slots=True)
class Acquired:
    """A call may begin, or is refused."""

    call: int
    turn: Turn | None
    """Of the permit, if it may begin."""
    error: BaseException | None = None
    """Why it is refused."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A call waits no longer."""

    call: int


@dataclass(frozen=True, slots=True)
class Release:
    """A call has ended; see `RateLimiter.release`, `answered`, `refused` and `unused`."""

    call: int
    model: str
    base_url: str | None
    tokens: int | None
    """What it took, where that is known."""
    verdict: Literal["answered", "refused", "unused"] | None
    wait: float | None
    """Seconds that its provider asks for."""


@dataclass(frozen=True, slots=True)
class ProviderClosed:
    """A provider asks to be left alone until then: seconds since the epoch, UTC."""

    model: str
    base_url: str | None
    until: float
