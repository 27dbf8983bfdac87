"""What an agent remembers between runs."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import field
from pydantic import Field

from recursor.domain.core_record import CoreRecord
from recursor.domain.record import RoleName, StackId, Timestamp

# Beyond these limits, new entries replace old ones: the state is read every cycle and must stay small.
MAX_FACTS = 200
MAX_LEARNINGS = 200
MAX_THOUGHTS = 20
# Twice the maximum of `loop.repetitions`.
MAX_PROPOSALS = 20
# Characters of a recent thought; the trace has the full text.
LONGEST_THOUGHT = 1_000


class AgentExecutionState(StrEnum):
    """An agent's activity.

    The state records how the last run ended. Whether the agent is running follows from the graph of the
    stack's current cycle; `recursor.storage.queries.agent_states` adds it.
    """

    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"
    WAITING = "waiting"


class LongTermMemory(CoreRecord, frozen=True, kw_only=True):
    """Memory for the life of the stack."""

    facts: tuple[str, ...] = ()
    learnings: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    """The reviewer's recommendations that the planner has not taken up yet."""
    reviewed_artifact: int = 0
    """Number of the newest artifact, or of the newest tip of the workspace, that this role has reviewed."""
    reviewed_commit: str | None = None
    """That tip."""


class Proposal(CoreRecord, frozen=True, kw_only=True):
    """The time and fingerprint of an accepted plan, artifact or review."""

    fingerprint: str
    """Equal for equal proposals; see `recursor.orchestration.repetition`."""
    made_at: Timestamp


class ShortTermMemory(CoreRecord, frozen=True, kw_only=True):
    """Memory of recent work."""

    active_task: str | None = None
    focus: str | None = None
    recent_thoughts: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    """The newest plans, artifacts or reviews, oldest first, to detect repetition."""


WaitsFor = Literal["provider", "budget", "approval"]
"""Why a role waits: for its provider, for other calls to release their budget, or for a person's answer."""


class Wait(CoreRecord, frozen=True, kw_only=True):
    """A role's wait for a temporary obstacle, such as an outage of its provider."""

    since: Timestamp
    until: Timestamp
    times: Annotated[int, Field(ge=1)] = 1
    """Consecutive waits."""
    why: str
    waits_for: WaitsFor = "provider"
    asked: tuple[str, ...] = ()
    """The model that the role asked: with another model it need not wait."""


class AgentState(CoreRecord, frozen=True, kw_only=True):
    """One role's state in one stack."""

    stack_id: StackId
    role: RoleName
    execution_state: AgentExecutionState = AgentExecutionState.IDLE
    last_run_at: Timestamp | None = None
    """When the snapshot of the last successful run was taken: the agent has not seen later changes."""
    last_error: str | None = None
    wait: Wait | None = None
    """What it waits for before the next try, if its last run failed temporarily."""
    long_term: LongTermMemory = field(default_factory=LongTermMemory)
    short_term: ShortTermMemory = field(default_factory=ShortTermMemory)
    updated_at: Timestamp
