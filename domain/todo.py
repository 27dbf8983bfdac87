"""A piece of work for the builder."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from recursor.domain.record import Record, StackId, Timestamp
from recursor.domain.workspace import FilePath

TodoText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")
]
TodoPriority = Annotated[int, Field(ge=1, le=5, description="1 to 5; 5 is most urgent")]


class TodoStatus(StrEnum):
    """The status of a todo."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """Whether there is still work to do."""
        return self in (TodoStatus.PENDING, TodoStatus.IN_PROGRESS)


class Todo(Record):
    """A piece of work, its author, and its result."""

    id: str
    stack_id: StackId
    content: TodoText
    status: TodoStatus = TodoStatus.PENDING
    priority: TodoPriority = 3
    assigned_by: str
    """A role's name, or "user"."""
    created_at: Timestamp
    updated_at: Timestamp
    updated_by: str
    closed_at: Timestamp | None = None
    """When it was completed or cancelled."""
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Ids of the todos of this stack that must be completed first."""
    paths: tuple[FilePath, ...] = ()
    """The files and folders that it is about: two todos about the same ones are not worked on at once."""
    attempts: int = Field(default=0, ge=0)
    """Proposed commits for it that could not be merged, since a person last changed it."""
    problem: str | None = None
    """Why the last of them could not be merged."""
