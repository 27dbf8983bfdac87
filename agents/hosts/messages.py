"""Messages between the runner's process and one that runs agents: plain data, pickled."""

from dataclasses import dataclass
from typing import Any, Literal

from recursor.agents.model.rate_limiter import Verdict
from recursor.domain.agent import RepositoryDirectory
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot


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
    todo_id: str | None
    granted: tuple[str, ...]
    workspaces: RepositoryDirectory | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a run."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A run has ended.

    Its result or error may be of any class and is pickled separately: if it cannot be read, only this run
    fails.
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
class LimitedCall:
    """To the runner's process: a run calls a method of its meter, or `RateLimiter.acquire`.

    The answer is the result or the error; for a permit, its turn.
    """

    number: int
    """The run's."""
    method: Literal["begin", "reserve", "settle", "acquire"]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A call no longer waits for its permit."""

    id: int
    """Id of the request."""


@dataclass(frozen=True, slots=True)
class Release:
    """A call has ended; see `RateLimiter.release`."""

    id: int
    """Id of the request with which it began."""
    tokens: int | None
    verdict: Verdict | None
    wait: float | None


@dataclass(frozen=True, slots=True)
class ProviderClosed:
    """A provider asked for a pause until then: seconds since the epoch, UTC."""

    model: str
    base_url: str | None
    until: float
