"""What an agent may read: one stack at one moment."""

from collections.abc import Mapping

from recursor.domain.agent_state import AgentState
from recursor.domain.approval import Approval
from recursor.domain.core_record import CoreRecord
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import RoleName, Timestamp
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.workspace import CommitProposal, Workspace


class Snapshot(CoreRecord, frozen=True, kw_only=True):
    """One stack at one moment, bounded: open records first, then the newest closed ones."""

    stack: Stack
    taken_at: Timestamp
    idea: ProjectIdea | None = None
    todos: tuple[Todo, ...] = ()
    """The most urgent open todos and the newest closed ones, oldest first."""
    more_todos: int = 0
    """Further open todos."""
    user_messages: tuple[UserMessage, ...] = ()
    """The oldest unanswered messages and the newest others, oldest first."""
    more_user_messages: int = 0
    """Further unanswered messages of visitors."""
    messages: tuple[Message, ...] = ()
    """The oldest unread messages from other stacks, oldest first."""
    more_messages: int = 0
    """Further unread messages from other stacks."""
    artifact: Artifact | None = None
    """The newest version."""
    workspace: Workspace | None = None
    """The repository, by reference: its contents are on disk."""
    proposals: tuple[CommitProposal, ...] = ()
    """The commits that wait to be merged, oldest first."""
    approvals: tuple[Approval, ...] = ()
    """The requests for approval that are not answered or not used yet, oldest first."""
    states: Mapping[RoleName, AgentState]

    @property
    def open_todos(self) -> tuple[Todo, ...]:
        """The pending and in-progress todos, most urgent first, then oldest."""
        return tuple(sorted((t for t in self.todos if t.status.open), key=lambda t: (-t.priority, t.id)))

    @property
    def unanswered(self) -> tuple[UserMessage, ...]:
        """The unanswered messages of visitors, oldest first."""
        return tuple(m for m in self.user_messages if m.answered_at is None)

    @property
    def next_unanswered(self) -> UserMessage | None:
        """The message to answer next: the oldest of the visitor who was answered least recently.

        So visitors take turns, and a thousand messages of one visitor delay no other.
        """
        answered: dict[str, float] = {}
        for message in self.user_messages:
            at = message.answered_at
            if at is not None:
                answered[message.sender] = max(at, answered.get(message.sender, 0.0))
        return min(self.unanswered, key=lambda m: (answered.get(m.sender, 0.0), m.id), default=None)
