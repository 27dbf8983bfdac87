"""What an agent knows between its runs."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import field
from pydantic import Field

from recursor.domain.core_record import CoreRecord
from recursor.domain.record import RoleName, StackId, Timestamp

# Old entries make way for new ones beyond these, so that a state that is read every cycle stays small.
MAX_FACTS = 200
MAX_LEARNINGS = 200
MAX_THOUGHTS = 20
# Twice as many as `loop.repetitions` can be.
MAX_PROPOSALS = 20
# Characters of a recent thought; the trace has all of it.
LONGEST_THOUGHT = 1_000


class AgentExecutionState(StrEnum):
    """What an agent is doing now.

    How its last run ended is kept with its state; that it runs is said by the graph of the stack's current
    cycle, and added by `recursor.storage.queries.agent_states`.
    """

    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"
    WAITING = "waiting"


class LongTermMemory(CoreRecord, frozen=True, kw_only=True):
    """Kept for the life of the stack."""

    facts: tuple[str, ...] = ()
    learnings: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    """What the reviewer recommends and the planner has not taken up yet."""
    reviewed_artifact: int = 0
    """Number of the newest artifact this role has reviewed."""


class Proposal(CoreRecord, frozen=True, kw_only=True):
    """That a plan, an artifact or a review was proposed and accepted."""

    fingerprint: str
    """The same for what says the same; see `recursor.orchestration.repetition`."""
    made_at: Timestamp


class ShortTermMemory(CoreRecord, frozen=True, kw_only=True):
    """About what is going on now."""

    active_task: str | None = None
    focus: str | None = None
    recent_thoughts: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    """The newest plans, artifacts or reviews, oldest first: who goes in circles is found by them."""


WaitsFor = Literal["provider", "budget"]
"""What a role waits for: that its provider is back, or that other calls end and leave their budget."""


class Wait(CoreRecord, frozen=True, kw_only=True):
    """That a role waits for what passes by itself, such as the outage of its provider."""

    since: Timestamp
    until: Timestamp
    times: Annotated[int, Field(ge=1)] = 1
    """How often in a row it has had to."""
    why: str
    waits_for: WaitsFor = "provider"
    asked: tuple[str, ...] = ()
    """Whom it asked: for another one it need not wait."""


class AgentState(CoreRecord, frozen=True, kw_only=True):
    """One role's state in one stack."""

    stack_id: StackId
    role: RoleName
    execution_state: AgentExecutionState = AgentExecutionState.IDLE
    last_run_at: Timestamp | None = None
    """When the snapshot of the last successful run was taken: what changed later it has not seen."""
    last_error: str | None = None
    wait: Wait | None = None
    """What it waits for before it is tried again, if its last run failed of that."""
    long_term: LongTermMemory = field(default_factory=LongTermMemory)
    short_term: ShortTermMemory = field(default_factory=ShortTermMemory)
    updated_at: Timestamp
