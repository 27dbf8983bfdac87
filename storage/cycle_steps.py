"""What the transactions of a cycle are given, and what they come to."""

from dataclasses import dataclass

from recursor.domain.agent_state import Wait
from recursor.domain.effect import Outcome
from recursor.domain.execution import Decision, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Usage
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import BudgetName
from recursor.domain.stack import Stack
from recursor.domain.work import WorkReport


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one run of an agent: an outcome, or an error."""

    role: str
    attempt: int
    saw: Snapshot
    """What it read."""
    started_at: float | None
    """This and the next in seconds since the epoch, UTC."""
    finished_at: float
    outcome: Outcome | None = None
    error: str | None = None
    usage: Usage | None = None
    """What a run spent that came to no outcome."""
    suspend: bool = False
    """Whether a person has to look before it makes sense to try again."""
    budget: BudgetName | None = None
    """The budget that has too little left, where that is why."""
    proposal: str | None = None
    """The fingerprint of the plan, artifact or review in the outcome."""
    wait: Wait | None = None
    """What its role waits for, where it failed of what passes by itself."""


@dataclass(frozen=True, slots=True)
class CycleBegun:
    """The state after a cycle was to begin."""

    stack: Stack | None
    """None: it was stopped or deleted meanwhile, or is in another cycle, and nothing was written."""
    begun: bool
    """False: it may not run now, and the cycle was not written."""


@dataclass(frozen=True, slots=True)
class WaveCommitted:
    """The state after a wave's results were committed."""

    stack: Stack
    graph: ExecutionGraph
    written_to: frozenset[str]
    """The other stacks that got a message; "all" for a broadcast."""


@dataclass(frozen=True, slots=True)
class CycleEnd:
    """How a cycle ended and what comes next."""

    execution: OrchestratorExecution
    graph: ExecutionGraph
    report: WorkReport
    decision: Decision
    progress: bool
    now: float
