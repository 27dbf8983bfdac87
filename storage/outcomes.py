"""Turns an agent's outcome into records: all of its effects, or, where one cannot be applied, none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import nextafter
from typing import Any

from recursor.domain.agent_state import (
    LONGEST_THOUGHT,
    MAX_FACTS,
    MAX_LEARNINGS,
    MAX_PROPOSALS,
    MAX_THOUGHTS,
    AgentExecutionState,
    AgentState,
    LongTermMemory,
    Proposal,
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
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.storage.broadcasts import newest_broadcast, next_broadcast_id
from recursor.storage.codec import encode
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
# An id that an agent made up can be as long as its outcome, and the reason stands in several records.
_LONGEST_REASON = 200


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
    writer: Writer,
    stack: Stack,
    role: str,
    execution_id: str,
    outcome: Outcome,
    saw: Snapshot,
    now: float,
    *,
    proposal: str | None = None,
) -> Applied:
    """Apply an outcome in the transaction at hand: effects, the role's state, the trace.

    Args:
        writer: the transaction.
        stack: the stack as the transaction sees it.
        role: whose outcome it is.
        execution_id: the cycle in which it ran.
        outcome: what it proposes.
        saw: what the agent made it of.
        now: seconds since the epoch, UTC.
        proposal: the fingerprint of the plan, artifact or review in it, to be kept.

    Returns:
        what it came to, stored already.

    Raises:
        EffectRefusedError: an effect cannot be applied; nothing has been written.
        InvalidInputError: it holds what cannot be stored; nothing has been written.
    """
    draft = _Draft(writer, stack, role, saw, now)
    for effect in outcome.effects:
        draft.apply(effect)
    draft.remember_run(outcome, proposal)
    if outcome.effects or outcome.summary or outcome.thoughts:
        draft.trace_run(outcome, execution_id)
    draft.write(writer)
    return Applied(draft.stack, draft.progress, draft.written_to)


@dataclass
class _Draft:
    """What an outcome will have changed, not written before every effect has been found possible."""

    reader: Reader
    stack: Stack
    role: str
    saw: Snapshot
    now: float
    _puts: dict[tuple[str, str], tuple[Table[Any], Record]] = field(default_factory=dict)
    written_to: set[str] = field(default_factory=set)
    """The stacks that got a message."""

    progress: bool = False
    """Whether there is more to it than the agent's own notes."""

    def apply(self, effect: Effect) -> None:
        _APPLY[type(effect)](self, effect)

    def write(self, writer: Writer) -> None:
        # What cannot be stored is found before anything is.
        encoded = [(table, record, encode(record)) for table, record in self._puts.values()]
        for table, record, value in encoded:
            table.put(writer, record, value)
        for stack_id in self.written_to:
            if stack_id == BROADCASTS:
                bump_revision(writer, BROADCASTS)
            else:
                note_news(writer, stack_id, self.now)

    def remember_run(self, outcome: Outcome, proposal: str | None) -> None:
        state = self._state(self.role)
        short_term = state.short_term
        if outcome.thoughts:
            new = tuple([_cut(thought, LONGEST_THOUGHT) for thought in outcome.thoughts[-MAX_THOUGHTS:]])
            thoughts = (*short_term.recent_thoughts, *new)[-MAX_THOUGHTS:]
            short_term = short_term.but(recent_thoughts=thoughts)
        if proposal is not None:
            proposals = (*short_term.proposals, Proposal(fingerprint=proposal, made_at=self.now))
            short_term = short_term.but(proposals=proposals[-MAX_PROPOSALS:])
        self._put_state(
            state.but(
                execution_state=AgentExecutionState.IDLE,
                last_run_at=self._looked_at(),
                last_error=None,
                short_term=short_term,
            )
        )

    def trace_run(self, outcome: Outcome, execution_id: str) -> None:
        trace = Trace(
            id=new_id(),
            stack_id=self.stack.id,
            execution_id=execution_id,
            role=self.role,
            created_at=self.now,
            summary=outcome.summary,
            thoughts=outcome.thoughts,
            effects=tuple(effect.kind for effect in outcome.effects),
            metadata=outcome.metadata,
        )
        self._puts[TRACES.name, trace.id] = (TRACES, trace)

    def set_project(self, effect: SetProject) -> None:
        idea = self._latest(IDEAS, self.stack.id)
        if idea is None:
            if effect.idea is None:
                raise self._refused(effect, "there is no idea yet and the effect gives none")
            at, whose = self.now, self.role
            idea = ProjectIdea(
                stack_id=self.stack.id, idea=effect.idea, created_at=at, updated_at=at, updated_by=whose
            )
        elif self._has_seen(idea):
            at, whose = self.now, self.role
        else:
            # Given while this was thought out for the one before: that it is new stays to be seen.
            at, whose = idea.updated_at, idea.updated_by
        changed = idea.but(
            title=effect.title, description=effect.description, features=effect.features, updated_by=whose
        )
        if changed != idea:
            self._put(IDEAS, self.stack.id, changed.but(updated_at=at))

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
        wanted = {"status": effect.status, "priority": effect.priority, "content": effect.content}
        changed = todo.but(**{name: value for name, value in wanted.items() if value is not None})
        if changed == todo:
            return
        closed_at = todo.closed_at if changed.status is todo.status or changed.status.open else self.now
        self._put(
            TODOS,
            todo.id,
            changed.but(closed_at=closed_at, updated_at=self.now, updated_by=self.role),
        )

    def publish_artifact(self, effect: PublishArtifact) -> None:
        artifact = Artifact(
            id=new_id(),
            stack_id=self.stack.id,
            number=1 + self._newest_version(),
            content=effect.content,
            author=self.role,
            created_at=self.now,
            metadata=effect.metadata,
        )
        self._put(ARTIFACTS, artifact.id, artifact)

    def answer_user_message(self, effect: AnswerUserMessage) -> None:
        message = self._user_message(effect, effect.message_id)
        if message.answered_at is None:
            answered = message.but(
                answer=effect.answer, answered_at=self.now, needs_planning=effect.needs_planning
            )
            self._put(USER_MESSAGES, message.id, answered)

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
            id=new_id() if receiver is not None else self._broadcast_id(),
            from_stack_id=self.stack.id,
            from_name=self.stack.name,
            to_stack_id=receiver,
            content=effect.content,
            created_at=self.now,
        )
        self._put(MESSAGES, message.id, message)
        self.written_to.add(receiver or BROADCASTS)

    def review_artifact(self, effect: ReviewArtifact) -> None:
        if effect.number > self._newest_version():
            raise self._refused(effect, f"there is no version {effect.number} of the artifact")
        state = self._state(self.role)
        reviewed = max(effect.number, state.long_term.reviewed_artifact)
        self._put_review(
            state,
            state.long_term.but(reviewed_artifact=reviewed, recommendations=effect.recommendations),
        )

    def take_recommendations(self, effect: TakeRecommendations) -> None:
        state = self._state(REVIEWER)
        left = tuple(r for r in state.long_term.recommendations if r not in effect.recommendations)
        self._put_review(state, state.long_term.but(recommendations=left))

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

    def _has_seen(self, idea: ProjectIdea) -> bool:
        """Whether the agent has read these words, or chosen them."""
        return idea.updated_by == self.role or (self.saw.idea is not None and self.saw.idea.idea == idea.idea)

    def _looked_at(self) -> float:
        """Return when the agent looked: before any idea that it has missed, by however little."""
        idea = IDEAS.get(self.reader, self.stack.id)
        if idea is None or self._has_seen(idea):
            return self.saw.taken_at
        return min(self.saw.taken_at, nextafter(idea.updated_at, 0.0))

    def _newest_version(self) -> int:
        drafted = [record.number for _, record in self._puts.values() if isinstance(record, Artifact)]
        stored = next(ARTIFACTS.keys(self.reader, self.stack.id, newest_first=True), "0")
        return max([*drafted, int(stored)])

    def _broadcast_id(self) -> str:
        drafted = [
            record.id
            for _, record in self._puts.values()
            if isinstance(record, Message) and record.to_stack_id is None
        ]
        return next_broadcast_id(max([newest_broadcast(self.reader), *drafted]))

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
        """Keep what an agent notes for itself: no progress."""
        self._puts[STATES.name, state.role] = (STATES, state.but(updated_at=self.now))

    def _put_review(self, state: AgentState, long_term: LongTermMemory) -> None:
        if long_term != state.long_term:
            self._put(STATES, state.role, state.but(long_term=long_term, updated_at=self.now))

    def _latest(self, table: Table[Any], stack_id: str, key: str | None = None) -> Any:
        drafted = self._puts.get((table.name, key or stack_id))
        return drafted[1] if drafted is not None else table.get(self.reader, stack_id, key)

    def _put(self, table: Table[Any], key: str, record: Record) -> None:
        """Keep what others may see."""
        self.progress = True
        self._puts[table.name, key] = (table, record)

    def _refused(self, effect: Effect, why: str) -> EffectRefusedError:
        shown = _cut(" ".join(why.split()), _LONGEST_REASON)
        return EffectRefusedError(
            f"{self.role} proposed {effect.kind}: {shown}; nothing of its outcome was applied"
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


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _newest_distinct(old: tuple[str, ...], new: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Append what is not there yet and keep the newest `most`."""
    return tuple(dict.fromkeys((*old, *new)))[-most:]
