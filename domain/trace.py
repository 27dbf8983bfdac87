"""What an agent thought and did in one run."""

from collections.abc import Mapping

from pydantic import Field, JsonValue

from recursor.domain.record import Record, RoleName, StackId, Timestamp


class Trace(Record):
    """One run of one agent, in the agent's own words."""

    id: str
    stack_id: StackId
    execution_id: str
    role: RoleName
    created_at: Timestamp
    summary: str
    thoughts: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    """The kinds of the effects that were applied, in order."""
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
