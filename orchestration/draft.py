"""Changes to a stack's records in progress: a working copy, and the records to write."""

from collections.abc import Callable, Mapping

from recursor.domain.agent_state import AgentState
from recursor.domain.approval import Approval
from recursor.domain.core_record import AnyRecord
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.domain.workspace import CommitProposal, Workspace
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.unattended import begun_anew
from recursor.orchestration.writes import Writes

Found = Mapping[tuple[type[AnyRecord], str], AnyRecord]
"""Records of the stack that are not in memory, by type and id: old closed todos and messages."""

_NOTHING: Found = {}


class Draft:
    """A working copy of a stack's records. Its results are `records` and `writes`."""

    __slots__ = ("_is_copy", "found", "new_id", "now", "records", "writes")

    def __init__(
        self, records: StackRecords, now: float, new_id: Callable[[], str], found: Found = _NOTHING
    ) -> None:
        """Start from `records`.

        Args:
            records: the records before.
            now: seconds since the epoch, UTC.
            new_id: makes ids that sort by age.
            found: other records that may be named.
        """
        self.records = records
        self._is_copy = False
        self.writes = Writes()
        self.now = now
        self.new_id = new_id
        self.found = found

    def edit(self) -> StackRecords:
        """Return the records to change: this draft's own copy."""
        if not self._is_copy:
            self.records = self.records.copy()
            self._is_copy = True
        return self.records

    def attempt(self) -> "Draft":
        """Return a copy for trying changes; `accept` takes them over."""
        self._is_copy = False
        return Draft(self.records, self.now, self.new_id, self.found)

    def accept(self, attempt: "Draft") -> None:
        """Take over the changes of a copy."""
        self.records, self._is_copy = attempt.records, attempt._is_copy
        self.writes.extend(attempt.writes)

    def put_stack(self, stack: Stack) -> None:
        """Change the stack's own record."""
        self.edit().stack = stack
        self.writes.put("", stack)

    def put_idea(self, idea: ProjectIdea) -> None:
        """Set the idea."""
        self.changed().idea = idea
        self.writes.put("", idea)

    def todo(self, todo_id: str) -> Todo | None:
        """Return a todo, or None."""
        known = self.records.todos.get(todo_id) or self.found.get((Todo, todo_id))
        return known if isinstance(known, Todo) else None

    def put_todo(self, todo: Todo) -> None:
        """Add or change a todo."""
        self.changed().todos = self.records.todos.adding(todo.id, todo)
        self.writes.put(todo.id, todo)

    def user_message(self, message_id: str) -> UserMessage | None:
        """Return a visitor's message, or None."""
        known = self.records.user_messages.get(message_id) or self.found.get((UserMessage, message_id))
        return known if isinstance(known, UserMessage) else None

    def put_user_message(self, message: UserMessage) -> None:
        """Add or change a visitor's message."""
        self.changed().user_messages = self.records.user_messages.adding(message.id, message)
        self.writes.put(message.id, message)

    def message(self, message_id: str) -> Message | None:
        """Return a message from another stack to this one, or None."""
        known = self.records.messages.get(message_id) or self.found.get((Message, message_id))
        return known if isinstance(known, Message) else None

    def put_message(self, message: Message) -> None:
        """Add or change a message from another stack; a read message is dropped from memory."""
        messages = self.records.messages
        if message.read_at is None:
            messages = messages.adding(message.id, message)
        else:
            messages = messages.without(message.id)
        self.changed().messages = messages
        self.writes.put(message.id, message)

    def read_broadcasts(self, up_to: str) -> None:
        """Note that the broadcasts up to this id have been read."""
        unread = self.records.broadcasts
        self.changed().broadcasts = unread.without(*(each.id for each in unread if each.id <= up_to))
        self.put_stack(self.records.stack.but(broadcasts_read=up_to))

    def send(self, message: Message) -> None:
        """Send a message to another stack, or to all."""
        self.changed().outbox = self.records.outbox.adding(message.id, message)
        self.writes.sent[message.id] = message

    def put_artifact(self, artifact: Artifact) -> None:
        """Add a version of the artifact."""
        self.changed().artifact = artifact
        self.writes.put(f"{artifact.number:08d}", artifact)

    def put_workspace(self, workspace: Workspace) -> None:
        """Change the record of the repository."""
        self.changed().workspace = workspace
        self.writes.put("", workspace)

    def proposal(self, proposal_id: str) -> CommitProposal | None:
        """Return a proposed commit, or None."""
        known = self.records.proposals.get(proposal_id)
        found = self.found.get((CommitProposal, proposal_id))
        if known is None and isinstance(found, CommitProposal) and not found.status.open:
            return found
        # All open ones are in memory: one that was found open has been decided since.
        return known

    def put_proposal(self, proposal: CommitProposal) -> None:
        """Add or change a proposed commit; a decided one is dropped from memory."""
        proposals = self.records.proposals
        if proposal.status.open:
            proposals = proposals.adding(proposal.id, proposal)
        else:
            proposals = proposals.without(proposal.id)
        self.changed().proposals = proposals
        self.writes.put(proposal.id, proposal)

    def approval(self, approval_id: str) -> Approval | None:
        """Return a request for approval, or None."""
        known = self.records.approvals.get(approval_id)
        found = self.found.get((Approval, approval_id))
        if known is None and isinstance(found, Approval) and not found.status.open:
            return found
        # As for proposals.
        return known

    def put_approval(self, approval: Approval) -> None:
        """Add or change a request for approval; one that is over is dropped from memory."""
        approvals = self.records.approvals
        if approval.status.open:
            approvals = approvals.adding(approval.id, approval)
        else:
            approvals = approvals.without(approval.id)
        self.changed().approvals = approvals
        self.writes.put(approval.id, approval)

    def put_state(self, state: AgentState, *, seen_by_others: bool = False) -> None:
        """Change a role's state; its private notes do not count as a change that others see."""
        if state.updated_at != self.now:
            state = state.but(updated_at=self.now)
        records = self.changed() if seen_by_others else self.edit()
        records.states = {**records.states, state.role: state}
        self.writes.put(state.role, state)

    def put_trace(self, trace: Trace) -> None:
        """Add a trace."""
        self.writes.put(trace.id, trace)

    def note_news(self) -> None:
        """Note that the stack must be checked, even if the process dies before it is."""
        stack = self.records.stack
        if stack.state is ExecutionState.RUNNING and (
            stack.next_look_at is None or stack.next_look_at > self.now
        ):
            self.put_stack(stack.but(next_look_at=self.now))

    def changed(self) -> StackRecords:
        """Return the records to change, and note that agents will see the change."""
        records = self.edit()
        records.changes += 1
        return records

    def note_input(self) -> None:
        """Note input from a person: a change that also resets the repetition count."""
        self.note_news()
        self.changed()
        self.put_stack(begun_anew(self.records.stack).but(last_input_at=self.now))
