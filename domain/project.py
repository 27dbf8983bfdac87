"""What a stack is to make, and what it has made."""

from collections.abc import Mapping

from pydantic import Field, JsonValue

from recursor.domain.record import Line, Record, StackId, Text, Timestamp


class ProjectIdea(Record):
    """The idea a person gave, and what the planner made of it."""

    stack_id: StackId
    idea: Text
    title: Line | None = None
    description: str = ""
    features: tuple[str, ...] = ()
    created_at: Timestamp
    updated_at: Timestamp
    updated_by: str
    """A role's name, or "user"."""


class Artifact(Record):
    """One version of the page the stack is making. Versions count from 1."""

    id: str
    stack_id: StackId
    number: int = Field(ge=1)
    content: str
    author: str
    created_at: Timestamp
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
