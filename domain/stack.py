"""A stack: one team of agents, the unit that runs, pauses and moves."""

from collections.abc import Mapping
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


class Phase(StrEnum):
    """How far the project has come. The planner sets it."""

    PLANNING = "planning"
    BUILDING = "building"
    REVIEWING = "reviewing"
    COMPLETE = "complete"


class Stack(CoreRecord, frozen=True, kw_only=True):
    """What is known of a stack besides its contents."""

    id: StackId
    name: Line
    phase: Phase = Phase.PLANNING
    state: ExecutionState = ExecutionState.IDLE
    state_reason: str | None = None
    """Why the stack is in this state, when it was not simply a person's wish."""
    out_of_budget: BudgetName | None = None
    """The budget that has too little left, where that is why it is paused."""
    created_at: Timestamp
    started_at: Timestamp | None = None
    paused_at: Timestamp | None = None
    resumed_at: Timestamp | None = None
    stopped_at: Timestamp | None = None
    last_input_at: Timestamp | None = None
    """When a person last gave it something: an idea, a todo or a change of one, a message, a setting."""
    last_activity_at: Timestamp | None = None
    """When the last cycle ended."""
    last_failure_at: Timestamp | None = None
    """When the last failed cycle ended, not counting those whose failures pass by themselves."""

    epoch: int = 0
    """Raised by every stop: what was started in an earlier epoch is discarded when it arrives."""
    total_cycles: int = 0
    """Cycles that ended since the stack was last started."""
    last_cycle: int = 0
    """The number of the newest cycle. No later one gets it again: a start goes on counting from here."""
    failures_in_a_row: int = 0
    """Failed cycles since the last that did not fail; a resume or a start resets it."""
    fruitless_in_a_row: int = 0
    """Cycles since the last that changed anything."""
    runs_since_input: int = 0
    """Runs that proposed something since a person or another stack last gave it anything; a resume or a start
    resets it, as it does the next two."""
    tokens_since_input: int = 0
    versions_since_input: int = 0
    current_execution_id: str | None = None
    """The cycle that is running, or was when the process died or the stack was paused."""
    next_look_at: Timestamp | None = None
    """When the stack is due to be looked at again, if no event comes before."""
    broadcasts_read: str = ""
    """Id of the newest broadcast this stack has read."""

    settings: Mapping[str, Mapping[str, JsonValue]] = {}
    """Settings that differ from the runner's, by section and key."""
