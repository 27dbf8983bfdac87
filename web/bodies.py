"""What requests carry. Values are checked where records are made, so that errors read the same everywhere."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

# Who makes the id of a new thing can repeat the request without making it twice.
NewStackId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
NewId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Body(BaseModel):
    """A closed request body."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class NewStack(Body):
    """A stack to be made."""

    id: NewStackId | None = None
    """The id it shall have. A repetition with the same id makes no second stack."""
    name: str
    idea: str | None = None
    settings: Mapping[str, Mapping[str, JsonValue]] = {}
    """What differs from the runner's settings, by section and key."""
    start: bool = False


class NewUserMessage(Body):
    """A visitor's message to a stack."""

    id: NewId | None = None
    """The id it shall have. A repetition with the same id sends no second message."""
    sender: str
    content: str


class NewTodo(Body):
    """A todo that a person gives to a stack."""

    id: NewId | None = None
    """The id it shall have. A repetition with the same id makes no second todo."""
    content: str
    priority: int = 3
    """1 to 5; 5 is most urgent."""
