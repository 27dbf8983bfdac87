"""What an agent may read: one stack at one moment."""

from collections.abc import Mapping

from recursor.domain.agent_state import AgentState
from recursor.domain.core_record import CoreRecord
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import RoleName, Timestamp
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo


class Snapshot(CoreRecord, frozen=True, kw_only=True):
    """One stack at one moment, bounded: what is open first, and the newest of what is closed."""

    stack: Stack
    taken_at: Timestamp
    idea: ProjectIdea | None = None
    todos: tuple[Todo, ...] = ()
    """The most urgent open ones and the newest closed ones, oldest first."""
    more_todos: int = 0
    """How many further todos are open."""
    user_messages: tuple[UserMessage, ...] = ()
    """The oldest unanswered ones and the newest of the others, oldest first."""
    more_user_messages: int = 0
    """How many further messages of visitors are unanswered."""
    messages: tuple[Message, ...] = ()
    """The oldest unread messages from other stacks, oldest first."""
    more_messages: int = 0
    """How many further messages from other stacks are unread."""
    artifact: Artifact | None = None
    """The newest version."""
    states: Mapping[RoleName, AgentState]

    @property
    def open_todos(self) -> tuple[Todo, ...]:
        """Of `todos` those that are pending or in progress, most urgent first, then oldest."""
        return tuple(sorted((t for t in self.todos if t.status.open), key=lambda t: (-t.priority, t.id)))

    @property
    def unanswered(self) -> tuple[UserMessage, ...]:
        """Of `user_messages` those without an answer, oldest first."""
        return tuple(m for m in self.user_messages if m.answered_at is None)

    @property
    def next_unanswered(self) -> UserMessage | None:
        """The message to answer next: the oldest of the visitor whose last answer is longest ago.

        So visitors take turns, and one with a thousand messages keeps no other waiting.
        """
        answered: dict[str, float] = {}
        for message in self.user_messages:
            at = message.answered_at
            if at is not None:
                answered[message.sender] = max(at, answered.get(message.sender, 0.0))
        return min(self.unanswered, key=lambda m: (answered.get(m.sender, 0.0), m.id), default=None)
