"""What a stack's actors tell each other, and their orchestrator. `turn` marks what a stop has made stale."""

from dataclasses import dataclass
from enum import IntEnum, auto
from threading import Event as Flag
from threading import Lock
from typing import Any

from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.control import Command


@dataclass(frozen=True, slots=True)
class Activate:
    """To a supervisor, first of all: read the stack and go on with what it was doing."""


@dataclass(frozen=True, slots=True)
class DetectWork:
    """To the work cache. Answered with a `Sighting`."""

    settings: Settings
    ran: tuple[str, ...] = ()
    """The roles that have run since the last time it was asked."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the work cache saw."""

    snapshot: Snapshot
    report: WorkReport


@dataclass(frozen=True, slots=True)
class BuildGraph:
    """To the graph builder. Answered with an `ExecutionGraph`."""

    report: WorkReport
    graph_id: str


class Ticket:
    """The little that a supervisor and a running agent share; each field has one who sets it, once."""

    __slots__ = ("_claim", "cancelled", "started_at")

    def __init__(self) -> None:
        self._claim = Lock()
        self.cancelled = Flag()
        """Set by the supervisor when it abandons the run."""
        self.started_at: float | None = None
        """Set by the role actor when the agent has got a place; the time limit counts from here."""

    def claim(self) -> bool:
        """Settle whether the run begins: True for who asks first, its role actor or who takes it back."""
        return self._claim.acquire(blocking=False)


@dataclass(frozen=True, slots=True)
class RunAgent:
    """To a role actor: run. Answered with a `NodeResult`, whatever the agent does."""

    execution_id: str
    wave: int
    attempt: int
    reason: str
    priority: int
    """0 to 10: the agents' dispatcher runs the most urgent first."""
    snapshot: Snapshot
    settings: Settings
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class RunTimedOut:
    """To the supervisor, from its timer: a run has reached its time limit."""

    execution_id: str
    role: str
    attempt: int


class Step(IntEnum):
    """What a supervisor has asked for and waits for."""

    SIGHT = auto()
    """From the work cache: a `Sighting`."""
    GRAPH = auto()
    """From the graph builder: an `ExecutionGraph`."""
    WAVE = auto()
    """From the role actors: a list of `NodeResult`s, or of the exceptions that came in their place."""
    BEGIN = auto()
    """From the store: `CycleBegun`."""
    SAVE = auto()
    """From the store: the `Stack`, now that the next nodes are marked, or None if the cycle is over."""
    RESULTS = auto()
    """From the store: `WaveCommitted`, or None if the cycle is over."""
    END = auto()
    """From the store: the `Stack` after a cycle or a look, or None if it was stopped or deleted."""
    SUSPEND = auto()
    """From the store: the `Stack`, paused until a person resumes it, or None."""


COMMITS = frozenset({Step.BEGIN, Step.SAVE, Step.RESULTS, Step.END, Step.SUSPEND})
"""The steps that are commits to the store."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """To the supervisor, from its own request: the answer, or the exception in its place."""

    turn: int
    step: Step
    result: Any


@dataclass(frozen=True, slots=True)
class Controlled:
    """To the supervisor: its commit of a command."""

    command: Command
    result: Stack | BaseException


@dataclass(frozen=True, slots=True)
class Deleted:
    """To the supervisor: its commit of the deletion."""

    result: BaseException | None


@dataclass(frozen=True, slots=True)
class LookDue:
    """To the supervisor, from its timer: the pause is over."""

    turn: int


@dataclass(frozen=True, slots=True)
class RetryDue:
    """To the supervisor, from its timer: try again to write what a full disk refused."""

    turn: int


@dataclass(frozen=True, slots=True)
class PassivationDue:
    """To the supervisor, from its timer: nothing has happened for a while."""

    turn: int


@dataclass(frozen=True, slots=True)
class Quiesce:
    """To the supervisor: start no more agents. Answered when none runs and all is committed."""


@dataclass(frozen=True, slots=True)
class MayRest:
    """To the orchestrator: a supervisor has nothing to do, and may be stopped if nothing is on its way."""

    stack_id: str
    handled: int
    """How many messages of the orchestrator's it has handled."""
    next_look_at: float | None


@dataclass(frozen=True, slots=True)
class StayUp:
    """To the supervisor: it may not rest, something was on its way to it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """To the orchestrator: a stack has been deleted; its supervisor ends."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class SupervisorDied:
    """To the orchestrator, from a supervisor's last breath."""

    stack_id: str
    urn: str
    """Whose breath it was: another one may have taken its place already."""
    problem: str


@dataclass(frozen=True, slots=True)
class Bereaved:
    """To the orchestrator, from its own commit: nothing that a dead supervisor submitted is still to come."""

    stack_id: str
    urn: str
    """Which supervisor it was."""
    error: BaseException | None
    """Why its death could not be written down, if it could not."""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """To the orchestrator, from its timer: a sleeping stack is due."""

    stack_id: str


@dataclass(frozen=True, slots=True)
class PollDue:
    """To the orchestrator, from its timer: look for what other processes wrote."""


@dataclass(frozen=True, slots=True)
class Settled:
    """To the orchestrator, from its own commit: a stack without actors was created, steered or deleted."""

    stack_id: str
    stack: Stack | None
    """None: it was deleted."""


@dataclass(frozen=True, slots=True)
class Quiesced:
    """To the orchestrator: no agent runs any more."""


@dataclass(frozen=True, slots=True)
class AllStopped:
    """To the orchestrator: no supervisor is left."""


@dataclass(frozen=True, slots=True)
class GraceOver:
    """To the orchestrator, from its timer: the running agents have had their time."""
