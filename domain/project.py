"""A stack's project: its idea and its artifact."""

from collections.abc import Mapping
from shlex import quote

from pydantic import Field, JsonValue

from recursor.domain.record import Line, Record, StackId, Text, Timestamp


class IdeaReading(Record):
    """What a scripted team recognises in an idea, and what it does not: it works by fixed rules."""

    recognised: tuple[str, ...] = ()
    """What it makes: headings, and what each section does."""
    missing: tuple[str, ...] = ()
    """The parts of the idea that it does not understand and cannot make, in the idea's words."""
    refusal: str | None = None
    """Why it can make nothing of the idea; None where it can."""

    @property
    def made(self) -> tuple[str, ...]:
        """What people are told that is made of it, a line each."""
        return tuple(f"scripted team: recognised: {each}" for each in self.recognised)

    @property
    def not_made(self) -> tuple[str, ...]:
        """What people are told that is not made of it, and why, a line each."""
        if self.refusal is not None:
            return (f"scripted team: {self.refusal} It makes nothing.",)
        return tuple(f"scripted team: not understood, and not made: {each}" for each in self.missing)

    def with_a_model(self, stack: str) -> str:
        """Return the commands that give a team a model, and what is missing as a todo.

        Args:
            stack: the stack's name or id.
        """
        named, todo = quote(stack), quote("; ".join(self.missing))
        return (
            f"recursor configure {named} --set model.name=PROVIDER:MODEL && "
            f"recursor todos {named} --add {todo}"
        )


class ProjectIdea(Record):
    """A person's idea, and the planner's description of it."""

    stack_id: StackId
    idea: Text
    title: Line | None = None
    description: str = ""
    features: tuple[str, ...] = ()
    reading: IdeaReading | None = None
    """What a scripted team understands of it; None where agents ask a model, or were made by others."""
    created_at: Timestamp
    updated_at: Timestamp
    updated_by: str
    """A role's name, or "user"."""


class Artifact(Record):
    """One version of the page that the stack builds. Versions count from 1."""

    id: str
    stack_id: StackId
    number: int = Field(ge=1)
    content: str
    author: str
    created_at: Timestamp
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
