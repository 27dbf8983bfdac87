"""An agent's proposal: an outcome with effects, each of which is one change to the stack.

The supervisor applies the effects of an outcome together with the node's new status, or not at all.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from recursor.domain.graph import Usage
from recursor.domain.project import IdeaReading
from recursor.domain.record import Line, Record, StackId, Text
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoPriority, TodoStatus, TodoText


class SetProject(Record):
    """Describe the idea: title, description, features. Set `idea` itself only if the stack has none yet."""

    kind: Literal["set_project"] = "set_project"
    idea: Text | None = None
    title: Line
    description: str = ""
    features: tuple[str, ...] = ()
    reading: IdeaReading | None = None
    """What a scripted team understands of the idea; None for every other."""


class SetPhase(Record):
    """Set the phase of the project."""

    kind: Literal["set_phase"] = "set_phase"
    phase: Phase


class CreateTodo(Record):
    """Add a todo."""

    kind: Literal["create_todo"] = "create_todo"
    content: TodoText
    priority: TodoPriority = 3
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)


class UpdateTodo(Record):
    """Change a todo; None leaves a field as it is."""

    kind: Literal["update_todo"] = "update_todo"
    todo_id: str
    status: TodoStatus | None = None
    priority: TodoPriority | None = None
    content: TodoText | None = None


class PublishArtifact(Record):
    """Create the next version of the artifact."""

    kind: Literal["publish_artifact"] = "publish_artifact"
    content: str = Field(min_length=1)
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)


class AnswerUserMessage(Record):
    """Answer a visitor. An answered message stays as it is."""

    kind: Literal["answer_user_message"] = "answer_user_message"
    message_id: str
    answer: Text
    needs_planning: bool | None = None
    """Whether the message asks for something to plan; None: decided by its words."""


class PlanUserMessages(Record):
    """Note that the planner has taken these visitors' messages into account."""

    kind: Literal["plan_user_messages"] = "plan_user_messages"
    message_ids: tuple[str, ...]


class ReadMessages(Record):
    """Note that these messages from other stacks have been read."""

    kind: Literal["read_messages"] = "read_messages"
    message_ids: tuple[str, ...]


class SendMessage(Record):
    """Write to another stack, or to all others when `to_stack_id` is None."""

    kind: Literal["send_message"] = "send_message"
    to_stack_id: StackId | None = None
    content: Text


class ReviewArtifact(Record):
    """Note that a version was reviewed, and replace the reviewer's recommendations."""

    kind: Literal["review_artifact"] = "review_artifact"
    number: int = Field(ge=0)
    recommendations: tuple[Text, ...] = ()


class TakeRecommendations(Record):
    """Note that the planner has taken up these recommendations of the reviewer."""

    kind: Literal["take_recommendations"] = "take_recommendations"
    recommendations: tuple[str, ...]


class Remember(Record):
    """Add to the agent's own long-term memory; known entries are not added again."""

    kind: Literal["remember"] = "remember"
    facts: tuple[Text, ...] = ()
    learnings: tuple[Text, ...] = ()


class SetFocus(Record):
    """Set what the agent is working on."""

    kind: Literal["set_focus"] = "set_focus"
    active_task: str | None = None
    focus: str | None = None


Effect = Annotated[
    SetProject
    | SetPhase
    | CreateTodo
    | UpdateTodo
    | PublishArtifact
    | AnswerUserMessage
    | PlanUserMessages
    | ReadMessages
    | SendMessage
    | ReviewArtifact
    | TakeRecommendations
    | Remember
    | SetFocus,
    Field(discriminator="kind"),
]


class Outcome(Record):
    """The result of one run of an agent."""

    effects: tuple[Effect, ...] = ()
    summary: str = ""
    """One sentence for the trace. An outcome without summary, thoughts and effects leaves no trace."""
    thoughts: tuple[str, ...] = ()
    usage: Usage | None = None
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Kept with the trace."""
