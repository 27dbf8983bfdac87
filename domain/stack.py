"""A stack: one team of agents, the unit that runs, pauses and moves."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from pydantic import JsonValue

from recursor.domain.core_record import CoreRecord
from recursor.domain.record import Line, StackId, Timestamp
from recursor.domain.spending import BudgetName


class ExecutionState(StrEnum):
    """Whether a stack's agents may run."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class StackKind(StrEnum):
    """What a stack works on."""

    PAGE = "page"
    """One HTML page, in versions."""
    WORKSPACE = "workspace"
    """A git repository."""


class Phase(StrEnum):
    """The phase of the project. The planner sets it."""

    PLANNING = "planning"
    BUILDING = "building"
    REVIEWING = "reviewing"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """All is done that the team can do, and parts of the idea are missing: a scripted team's end."""

    @property
    def is_final(self) -> bool:
        """Whether the planner plans nothing more until somebody asks for it."""
        return self in (Phase.COMPLETE, Phase.PARTIAL)


class Stack(CoreRecord, frozen=True, kw_only=True):
    """A stack's own record, without its contents."""

    id: StackId
    name: Line
    kind: StackKind = StackKind.PAGE
    phase: Phase = Phase.PLANNING
    state: ExecutionState = ExecutionState.IDLE
    state_reason: str | None = None
    """Why the stack is in this state, unless a person simply asked for it."""
    out_of_budget: BudgetName | None = None
    """The budget that has too little left, if that is why the stack is paused."""
    created_at: Timestamp
    started_at: Timestamp | None = None
    paused_at: Timestamp | None = None
    resumed_at: Timestamp | None = None
    stopped_at: Timestamp | None = None
    last_input_at: Timestamp | None = None
    """When a person last gave it an idea, a todo or a change of one, a message, or a setting."""
    last_activity_at: Timestamp | None = None
    """When the last cycle ended."""
    last_failure_at: Timestamp | None = None
    """When the last failed cycle ended, not counting temporary obstacles."""

    epoch: int = 0
    """Raised by every stop: results of runs from an earlier epoch are discarded."""
    total_cycles: int = 0
    """Cycles that ended since the stack was last started."""
    last_cycle: int = 0
    """The number of the newest cycle. Numbers are never reused: a start continues from here."""
    failures_in_a_row: int = 0
    """Failed cycles since the last one that did not fail; a resume or a start resets it."""
    fruitless_in_a_row: int = 0
    """Cycles since the last one that changed anything."""
    runs_since_input: int = 0
    """Runs with proposals since the last input from a person or another stack. A resume or a start resets
    this and the next two fields."""
    tokens_since_input: int = 0
    versions_since_input: int = 0
    dollars_since_approval: Decimal = Decimal(0)
    """US dollars spent since a person last agreed to spending, or since the beginning."""
    current_execution_id: str | None = None
    """The cycle that is running, or was running when the process died or the stack was paused."""
    next_look_at: Timestamp | None = None
    """When the stack is checked next, if no event comes before."""
    broadcasts_read: str = ""
    """Id of the newest broadcast that this stack has read."""

    settings: Mapping[str, Mapping[str, JsonValue]] = {}
    """Settings that differ from the runner's, by section and key."""
