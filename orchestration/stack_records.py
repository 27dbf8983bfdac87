"""The records that the owner of a stack holds in memory, and the snapshot of them for agents.

All open work is in memory, and the closed work that agents see. Records are immutable: a change makes a copy.
So an owner can keep the state on disk beside the new one, and return to it if a commit fails.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from recursor.domain.agent_state import AgentState
from recursor.domain.approval import Approval
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.work import WorkReport
from recursor.domain.workspace import CommitProposal, Workspace
from recursor.orchestration.collection import Collection

# Snapshots stay small whatever a stack's history. They show the most urgent open work, then the oldest; the
# rest follows when that is done.
MAX_OPEN = 500
MAX_CLOSED_TODOS = 200
MAX_UNPLANNED = 100
MAX_PAST_USER_MESSAGES = 20


# Snapshots are copies of this one, since their parts are already validated.
_SNAPSHOT = Snapshot(stack=Stack(id="", name="none", created_at=0.0), taken_at=0.0, states={})
_NO_TODOS: Collection[Todo] = Collection({})
_NO_USER_MESSAGES: Collection[UserMessage] = Collection({})
_NO_MESSAGES: Collection[Message] = Collection({})
_NO_PROPOSALS: Collection[CommitProposal] = Collection({})
_NO_APPROVALS: Collection[Approval] = Collection({})


@dataclass
class StackRecords:
    """The records of one stack."""

    stack: Stack
    idea: ProjectIdea | None = None
    todos: Collection[Todo] = field(default=_NO_TODOS)
    """All open todos and the newest closed ones."""
    user_messages: Collection[UserMessage] = field(default=_NO_USER_MESSAGES)
    """All unanswered messages and the newest others."""
    messages: Collection[Message] = field(default=_NO_MESSAGES)
    """Unread messages from other stacks."""
    broadcasts: Collection[Message] = field(default=_NO_MESSAGES)
    """Unread broadcasts of other stacks."""
    artifact: Artifact | None = None
    """The newest version."""
    workspace: Workspace | None = None
    proposals: Collection[CommitProposal] = field(default=_NO_PROPOSALS)
    """Commits that wait to be merged."""
    approvals: Collection[Approval] = field(default=_NO_APPROVALS)
    """Requests for approval that are not answered or not used yet."""
    states: Mapping[str, AgentState] = field(default_factory=dict)
    execution: OrchestratorExecution | None = None
    """The running cycle."""
    graph: ExecutionGraph | None = None
    report: WorkReport | None = None
    """The last recorded work status."""
    outbox: Collection[Message] = field(default=_NO_MESSAGES)
    """Messages to other stacks that are not known to be delivered."""
    changes: int = 0
    """Counts, in memory, the changes that agents can see, to tell whether a cycle changed anything."""
    changes_before_cycle: int | None = None
    """The value of `changes` when the cycle's graph was built; None if that was before a restart."""

    def copy(self) -> "StackRecords":
        """Return a copy to change."""
        # Three times as fast as `dataclasses.replace`: a cycle makes a dozen copies.
        copied = object.__new__(StackRecords)
        copied.__dict__ = self.__dict__.copy()
        return copied

    def state_of(self, role: str) -> AgentState:
        """Return a role's state, or its initial state."""
        known = self.states.get(role)
        if known is None:
            stack = self.stack
            return AgentState(stack_id=stack.id, role=role, updated_at=stack.created_at)
        return known

    def snapshot(self, roles: Mapping[str, object], now: float) -> Snapshot:
        """Return what agents may read.

        Args:
            roles: the roles whose states belong in it.
            now: seconds since the epoch, UTC.
        """
        todos, more_todos = self._shown_todos()
        user_messages, more_user_messages = self._shown_user_messages()
        messages, more_messages = self._shown_messages()
        return _SNAPSHOT.but(
            stack=self.stack,
            taken_at=now,
            idea=self.idea,
            todos=todos,
            more_todos=more_todos,
            user_messages=user_messages,
            more_user_messages=more_user_messages,
            messages=messages,
            more_messages=more_messages,
            artifact=self.artifact,
            workspace=self.workspace,
            proposals=self.proposals.items,
            approvals=self.approvals.items,
            states=self._shown_states(roles),
        )

    def _shown_todos(self) -> tuple[tuple[Todo, ...], int]:
        """Return the shown todos, and the number of hidden open ones."""
        todos = self.todos.items
        if len(todos) <= MAX_OPEN:
            return todos, 0
        most_urgent = sorted((-todo.priority, todo.id) for todo in todos if todo.status.open)
        shown = {todo_id for _, todo_id in most_urgent[:MAX_OPEN]}
        some = tuple([todo for todo in todos if todo.id in shown or not todo.status.open])
        return some, len(most_urgent) - len(shown)

    def _shown_user_messages(self) -> tuple[tuple[UserMessage, ...], int]:
        """Return the shown messages of visitors, and the number of hidden unanswered ones."""
        messages = self.user_messages.items
        if len(messages) <= MAX_OPEN:
            return messages, 0
        # The first message of every visitor, then the second, and so on: one who writes much hides no other.
        of_sender: Counter[str] = Counter()
        unanswered = []
        for each in messages:
            if each.answered_at is None:
                unanswered.append((of_sender[each.sender], each.id))
                of_sender[each.sender] += 1
        shown = {message_id for _, message_id in sorted(unanswered)[:MAX_OPEN]}
        some = tuple([each for each in messages if each.id in shown or each.answered_at is not None])
        return some, len(unanswered) - len(shown)

    def _shown_messages(self) -> tuple[tuple[Message, ...], int]:
        """Return the shown messages of other stacks, and the number of hidden ones."""
        messages, broadcasts = self.messages.items, self.broadcasts.items
        if not broadcasts:
            return messages[:MAX_OPEN], max(len(messages) - MAX_OPEN, 0)
        both = sorted([*messages[:MAX_OPEN], *broadcasts[:MAX_OPEN]], key=lambda message: message.id)
        return tuple(both), len(messages) + len(broadcasts) - len(both)

    def _shown_states(self, roles: Mapping[str, object]) -> Mapping[str, AgentState]:
        states = self.states
        if states.keys() == roles.keys():
            return states
        # States of roles that left the team are shown, too: the roles may return.
        return {**states, **{role: self.state_of(role) for role in roles}}


def forgettable(records: StackRecords) -> StackRecords:
    """Return `records` without closed ones that agents no longer see; the store keeps them."""
    return replace(
        records,
        todos=records.todos.without(*_surplus_todos(records)),
        user_messages=records.user_messages.without(*_surplus_user_messages(records)),
    )


def _surplus_todos(records: StackRecords) -> Iterator[str]:
    if len(records.todos) > MAX_CLOSED_TODOS:
        closed = [todo.id for todo in records.todos if not todo.status.open]
        yield from closed[:-MAX_CLOSED_TODOS]


def _surplus_user_messages(records: StackRecords) -> Iterator[str]:
    if len(records.user_messages) > MAX_PAST_USER_MESSAGES:
        answered = [each for each in records.user_messages if each.answered_at is not None]
        unplanned = [each.id for each in answered if each.planned_at is None]
        planned = [each.id for each in answered if each.planned_at is not None]
        yield from unplanned[:-MAX_UNPLANNED]
        yield from planned[:-MAX_PAST_USER_MESSAGES]
