"""An agent's proposal: an outcome with effects, each of which is one change to the stack.

The supervisor applies the effects of an outcome together with the node's new status, or not at all.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from recursor.domain.approval import ApprovalAction, Digest
from recursor.domain.graph import Usage
from recursor.domain.project import IdeaReading
from recursor.domain.record import Line, Record, StackId, Text
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoPriority, TodoStatus, TodoText
from recursor.domain.workspace import MAX_PATHS, Branch, CheckResult, CommitHash, FilePath


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
    label: str | None = None
    """A name by which other todos of the same outcome can need this one."""
    needs: tuple[str, ...] = ()
    """The todos that must be completed first: their ids, or labels of earlier todos in the same outcome."""
    paths: tuple[FilePath, ...] = ()
    """The files and folders that it is about."""


class UpdateTodo(Record):
    """Change a todo; None leaves a field as it is."""

    kind: Literal["update_todo"] = "update_todo"
    todo_id: str
    status: TodoStatus | None = None
    priority: TodoPriority | None = None
    content: TodoText | None = None
    needs: tuple[str, ...] | None = None
    """Ids of todos."""
    paths: tuple[FilePath, ...] | None = None


class PublishArtifact(Record):
    """Create the next version of the artifact."""

    kind: Literal["publish_artifact"] = "publish_artifact"
    content: str = Field(min_length=1)
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)


class ProposeCommit(Record):
    """Propose a commit for a todo. Its objects are in the stack's repository already."""

    kind: Literal["propose_commit"] = "propose_commit"
    todo_id: str
    commit: CommitHash
    base: CommitHash
    """The tip from which it was made."""
    tree: CommitHash
    """The tree of the commit: the same for the same content, whenever and by whomever it was made."""
    title: Line
    paths: tuple[FilePath, ...] = Field(default=(), max_length=MAX_PATHS)
    """The changed files; the first ones, if there are many."""
    files: int = Field(ge=0)
    insertions: int = Field(default=0, ge=0)
    deletions: int = Field(default=0, ge=0)


class MoveTip(Record):
    """Move the tip of the workspace. Dropped if the tip is no longer `onto`."""

    kind: Literal["move_tip"] = "move_tip"
    tip: CommitHash
    onto: CommitHash | None
    """The tip before; None for a new repository."""
    proposal_id: str | None = None
    """The proposal that is merged by it, if one is."""
    pull_id: str | None = None
    """The commits of a person that are merged by it, if any are."""
    branch: Branch | None = None
    """The branch of a repository that was cloned."""
    checks: tuple[CheckResult, ...] = ()
    """The results of the checks of the new tip."""


class ReturnProposal(Record):
    """Give a proposed commit back to its todo: it conflicts, or fails the checks."""

    kind: Literal["return_proposal"] = "return_proposal"
    proposal_id: str
    reason: Text
    checks: tuple[CheckResult, ...] = ()


class FailTodo(Record):
    """Note that an attempt at a todo failed without a commit."""

    kind: Literal["fail_todo"] = "fail_todo"
    todo_id: str
    problem: Text


class AskApproval(Record):
    """Ask a person whether the role may do something. Its todo waits, or else the role, until the answer."""

    kind: Literal["ask_approval"] = "ask_approval"
    action: ApprovalAction
    subject: Line
    """What is to be done, in one line."""
    digest: Digest
    """Of the call with its arguments: the approval holds for exactly that."""
    detail: str = ""
    why: str = ""
    todo_id: str | None = None


class RefusePull(Record):
    """Give up merging commits of a person."""

    kind: Literal["refuse_pull"] = "refuse_pull"
    pull_id: str
    reason: Text


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
    """Note that a version, or a tip of the workspace, was reviewed, and replace the reviewer's
    recommendations."""

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
    | ProposeCommit
    | MoveTip
    | ReturnProposal
    | FailTodo
    | AskApproval
    | RefusePull
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
