"""Turns an agent's outcome into records: all of its effects, or, where one cannot be applied, none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from recursor.domain.agent_state import (
    MAX_FACTS,
    MAX_LEARNINGS,
    MAX_THOUGHTS,
    AgentExecutionState,
    AgentState,
)
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    ReadMessages,
    Remember,
    ReviewArtifact,
    SendMessage,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.errors import RecursorError
from recursor.domain.ids import new_id
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import Record
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.storage.revisions import bump_revision
from recursor.storage.stacks import agent_state, note_news
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    IDEAS,
    MESSAGES,
    STACKS,
    STATES,
    TODOS,
    TRACES,
    USER_MESSAGES,
    Table,
)

REVIEWER = "reviewer"
_PRIVATE = (Remember, SetFocus)


class EffectRefusedError(RecursorError):
    """An effect names something that does not exist, or is not possible: none of its outcome is applied."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an outcome came to."""

    stack: Stack
    progress: bool
    """Whether more than the agent's own notes has changed: then the caller raises the stack's revision."""
    written_to: set[str]
    """The other stacks that got a message; "all" for a broadcast."""


def apply_outcome(
    writer: Writer, stack: Stack, role: str, execution_id: str, outcome: Outcome, taken_at: float, now: float
) -> Applied:
    """Apply an outcome in the transaction at hand: effects, the role's state, the trace.

    Args:
        writer: the transaction.
        stack: the stack as the transaction sees it.
        role: whose outcome it is.
        execution_id: the cycle in which it ran.
        outcome: what it proposes.
        taken_at: when the snapshot that it saw was taken: seconds since the epoch, UTC.
        now: seconds since the epoch, UTC.

    Returns:
        what it came to, stored already.

    Raises:
        EffectRefusedError: an effect cannot be applied; nothing has been written.
    """
    draft = _Draft(writer, stack, role, now)
    for effect in outcome.effects:
        draft.apply(effect)
    draft.remember_run(outcome, taken_at)
    draft.write(writer)
    if outcome.effects or outcome.summary or outcome.thoughts:
        TRACES.add(
            writer,
            Trace(
                id=new_id(),
                stack_id=stack.id,
                execution_id=execution_id,
                role=role,
                created_at=now,
                summary=outcome.summary,
                thoughts=outcome.thoughts,
                effects=tuple(effect.kind for effect in outcome.effects),
                metadata=outcome.metadata,
            ),
        )
    return Applied(draft.stack, draft.progress, draft.written_to)


@dataclass
class _Draft:
    """What an outcome will have changed, not written before every effect has been found possible."""

    reader: Reader
    stack: Stack
    role: str
    now: float
    _puts: dict[tuple[str, str], tuple[Table[Any], Record]] = field(default_factory=dict)
    written_to: set[str] = field(default_factory=set)
    """The stacks that got a message."""

    progress: bool = False
    """Whether there is more to it than the agent's own notes."""

    def apply(self, effect: Effect) -> None:
        if not isinstance(effect, _PRIVATE):
            self.progress = True
        _APPLY[type(effect)](self, effect)

    def write(self, writer: Writer) -> None:
        for table, record in self._puts.values():
            table.put(writer, record)
        for stack_id in self.written_to:
            if stack_id == BROADCASTS:
                bump_revision(writer, BROADCASTS)
            else:
                note_news(writer, stack_id, self.now)

    def remember_run(self, outcome: Outcome, taken_at: float) -> None:
        state = self._state(self.role)
        short_term = state.short_term
        if outcome.thoughts:
            thoughts = (*short_term.recent_thoughts, *outcome.thoughts)[-MAX_THOUGHTS:]
            short_term = short_term.but(recent_thoughts=thoughts)
        self._put(
            STATES,
            self.role,
            state.but(
                execution_state=AgentExecutionState.IDLE,
                last_run_at=taken_at,
                last_error=None,
                short_term=short_term,
                updated_at=self.now,
            ),
        )

    def set_project(self, effect: SetProject) -> None:
        idea = self._latest(IDEAS, self.stack.id)
        text = effect.idea or (idea.idea if idea is not None else None)
        if text is None:
            raise self._refused(effect, "there is no idea yet and the effect gives none")
        self._put(
            IDEAS,
            self.stack.id,
            ProjectIdea(
                stack_id=self.stack.id,
                idea=idea.idea if idea is not None else text,
                title=effect.title,
                description=effect.description,
                features=effect.features,
                created_at=self.now if idea is None else idea.created_at,
                updated_at=self.now,
                updated_by=self.role,
            ),
        )

    def set_phase(self, effect: SetPhase) -> None:
        if effect.phase is not self.stack.phase:
            self.stack = self.stack.but(phase=effect.phase)
            self._put(STACKS, self.stack.id, self.stack)

    def create_todo(self, effect: CreateTodo) -> None:
        todo = Todo(
            id=new_id(),
            stack_id=self.stack.id,
            content=effect.content,
            priority=effect.priority,
            assigned_by=self.role,
            created_at=self.now,
            updated_at=self.now,
            updated_by=self.role,
            metadata=effect.metadata,
        )
        self._put(TODOS, todo.id, todo)

    def update_todo(self, effect: UpdateTodo) -> None:
        todo = self._latest(TODOS, self.stack.id, effect.todo_id)
        if todo is None:
            raise self._refused(effect, f"there is no todo {effect.todo_id}")
        if not todo.status.open and effect.status is not None and effect.status is not todo.status:
            raise self._refused(effect, f"todo {todo.id} is {todo.status} already")
        changes: dict[str, object] = {"updated_at": self.now, "updated_by": self.role}
        if effect.status is not None:
            changes["status"] = effect.status
            if not effect.status.open and todo.closed_at is None:
                changes["closed_at"] = self.now
        if effect.priority is not None:
            changes["priority"] = effect.priority
        if effect.content is not None:
            changes["content"] = effect.content
        self._put(TODOS, todo.id, todo.but(**changes))

    def publish_artifact(self, effect: PublishArtifact) -> None:
        drafted = [record.number for _, record in self._puts.values() if isinstance(record, Artifact)]
        stored = [artifact.number for artifact in ARTIFACTS.newest(self.reader, self.stack.id, 1)]
        artifact = Artifact(
            id=new_id(),
            stack_id=self.stack.id,
            number=1 + max(drafted + stored, default=0),
            content=effect.content,
            author=self.role,
            created_at=self.now,
            metadata=effect.metadata,
        )
        self._put(ARTIFACTS, artifact.id, artifact)

    def answer_user_message(self, effect: AnswerUserMessage) -> None:
        message = self._user_message(effect, effect.message_id)
        if message.answered_at is None:
            update = {"answer": effect.answer, "answered_at": self.now}
            self._put(USER_MESSAGES, message.id, message.but(**update))

    def plan_user_messages(self, effect: PlanUserMessages) -> None:
        for message_id in effect.message_ids:
            message = self._user_message(effect, message_id)
            if message.planned_at is None:
                self._put(USER_MESSAGES, message.id, message.but(planned_at=self.now))

    def read_messages(self, effect: ReadMessages) -> None:
        for message_id in effect.message_ids:
            direct = self._latest(MESSAGES, self.stack.id, message_id)
            if direct is not None:
                if direct.read_at is None:
                    self._put(MESSAGES, direct.id, direct.but(read_at=self.now))
            elif MESSAGES.get(self.reader, BROADCASTS, message_id) is not None:
                if message_id > self.stack.broadcasts_read:
                    self.stack = self.stack.but(broadcasts_read=message_id)
                    self._put(STACKS, self.stack.id, self.stack)
            else:
                raise self._refused(effect, f"there is no message {message_id} to this stack")

    def send_message(self, effect: SendMessage) -> None:
        receiver = effect.to_stack_id
        if receiver is not None and STACKS.get(self.reader, receiver) is None:
            raise self._refused(effect, f"there is no stack {receiver}")
        message = Message(
            id=new_id(),
            from_stack_id=self.stack.id,
            from_name=self.stack.name,
            to_stack_id=receiver,
            content=effect.content,
            created_at=self.now,
        )
        self._put(MESSAGES, message.id, message)
        self.written_to.add(receiver or BROADCASTS)

    def review_artifact(self, effect: ReviewArtifact) -> None:
        state = self._state(self.role)
        reviewed = max(effect.number, state.long_term.reviewed_artifact)
        update = {"reviewed_artifact": reviewed, "recommendations": effect.recommendations}
        self._put_state(state.but(long_term=state.long_term.model_copy(update=update)))

    def take_recommendations(self, effect: TakeRecommendations) -> None:
        state = self._state(REVIEWER)
        left = tuple(r for r in state.long_term.recommendations if r not in effect.recommendations)
        long_term = state.long_term.but(recommendations=left)
        self._put_state(state.but(long_term=long_term))

    def remember(self, effect: Remember) -> None:
        state = self._state(self.role)
        long_term = state.long_term.but(
            facts=_newest_distinct(state.long_term.facts, effect.facts, MAX_FACTS),
            learnings=_newest_distinct(state.long_term.learnings, effect.learnings, MAX_LEARNINGS),
        )
        self._put_state(state.but(long_term=long_term))

    def set_focus(self, effect: SetFocus) -> None:
        state = self._state(self.role)
        update = {"active_task": effect.active_task, "focus": effect.focus}
        self._put_state(state.but(short_term=state.short_term.model_copy(update=update)))

    def _user_message(self, effect: Effect, message_id: str) -> UserMessage:
        message: UserMessage | None = self._latest(USER_MESSAGES, self.stack.id, message_id)
        if message is None:
            raise self._refused(effect, f"there is no visitor message {message_id}")
        return message

    def _state(self, role: str) -> AgentState:
        drafted = self._puts.get((STATES.name, role))
        if drafted is not None and isinstance(drafted[1], AgentState):
            return drafted[1]
        return agent_state(self.reader, self.stack, role)

    def _put_state(self, state: AgentState) -> None:
        self._put(STATES, state.role, state.but(updated_at=self.now))

    def _latest(self, table: Table[Any], stack_id: str, key: str | None = None) -> Any:
        drafted = self._puts.get((table.name, key or stack_id))
        return drafted[1] if drafted is not None else table.get(self.reader, stack_id, key)

    def _put(self, table: Table[Any], key: str, record: Record) -> None:
        self._puts[table.name, key] = (table, record)

    def _refused(self, effect: Effect, why: str) -> EffectRefusedError:
        return EffectRefusedError(
            f"{self.role} proposed {effect.kind}: {why}; nothing of its outcome was applied"
        )


_APPLY: dict[type[Record], Callable[[_Draft, Any], None]] = {
    SetProject: _Draft.set_project,
    SetPhase: _Draft.set_phase,
    CreateTodo: _Draft.create_todo,
    UpdateTodo: _Draft.update_todo,
    PublishArtifact: _Draft.publish_artifact,
    AnswerUserMessage: _Draft.answer_user_message,
    PlanUserMessages: _Draft.plan_user_messages,
    ReadMessages: _Draft.read_messages,
    SendMessage: _Draft.send_message,
    ReviewArtifact: _Draft.review_artifact,
    TakeRecommendations: _Draft.take_recommendations,
    Remember: _Draft.remember,
    SetFocus: _Draft.set_focus,
}


def _newest_distinct(old: tuple[str, ...], new: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Append what is not there yet and keep the newest `most`."""
    return tuple(dict.fromkeys((*old, *new)))[-most:]
