"""The record of one cycle: what ran, and the decision after it."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from recursor.domain.core_record import CoreRecord
from recursor.domain.record import StackId, Timestamp


class ExecutionStatus(StrEnum):
    """How a cycle ended, if it has."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    WAITING = "waiting"
    """Nothing failed, and a role waits for a temporary obstacle, such as an outage of its provider."""
    CANCELLED = "cancelled"


class DecisionKind(StrEnum):
    """What comes after a cycle."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


class Decision(CoreRecord, frozen=True, kw_only=True):
    """The decision after a cycle: what comes next, for how long, and why."""

    kind: DecisionKind
    pause: Annotated[float | None, Field(ge=0)] = None
    """Seconds until the next check; None on a pause: until an event."""
    reason: str
    suspend: bool = False
    """Whether the stack is to be paused until a person resumes it."""
    backoff: bool = False
    """Whether the pause lasts its full time, whatever happens meanwhile."""


class GraphSummary(CoreRecord, frozen=True, kw_only=True):
    """The results of a cycle's graph."""

    agents_run: int = 0
    agents_failed: int = 0
    agents_waiting: int = 0
    """Runs put off by a temporary obstacle."""
    agents_skipped: int = 0
    waves: int = 0
    max_parallel: int = 0
    """The most concurrent runs; queued runs do not count."""
    agent_seconds: float = 0.0
    """Sum of the runs' durations: longer than the cycle's own if they ran in parallel."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """In US dollars, of usage with a known price."""
    unpriced_tokens: int = 0
    """Tokens of runs with an unknown price."""


class OrchestratorExecution(CoreRecord, frozen=True, kw_only=True):
    """One cycle: detect, graph, waves, decide."""

    id: str
    stack_id: StackId
    number: int
    """The number of the cycle within its stack, from 1; never used twice."""
    epoch: int
    status: ExecutionStatus = ExecutionStatus.RUNNING
    started_at: Timestamp
    finished_at: Timestamp | None = None
    decision: Decision | None = None
    error: str | None = None
    summary: GraphSummary | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish, or None while it runs."""
        return None if self.finished_at is None else self.finished_at - self.started_at
