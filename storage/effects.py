"""What each effect changes, in a draft."""

from collections.abc import Callable
from typing import Any

from recursor.domain.agent_state import MAX_FACTS, MAX_LEARNINGS, AgentState, LongTermMemory
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
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
from recursor.domain.ids import new_id
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import Record
from recursor.domain.todo import Todo
from recursor.storage.broadcasts import newest_broadcast, next_broadcast_id
from recursor.storage.draft import Draft
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    IDEAS,
    MESSAGES,
    STACKS,
    STATES,
    TODOS,
    USER_MESSAGES,
)

REVIEWER = "reviewer"


def set_project(draft: Draft, effect: SetProject) -> None:
    """Say what the idea means."""
    idea = draft.latest(IDEAS, draft.stack.id)
    if idea is None:
        if effect.idea is None:
            raise draft.refused(effect, "there is no idea yet and the effect gives none")
        at, whose = draft.now, draft.role
        idea = ProjectIdea(
            stack_id=draft.stack.id, idea=effect.idea, created_at=at, updated_at=at, updated_by=whose
        )
    elif draft.has_seen(idea):
        at, whose = draft.now, draft.role
    else:
        # Given while this was thought out for the one before: that it is new stays to be seen.
        at, whose = idea.updated_at, idea.updated_by
    changed = idea.but(
        title=effect.title, description=effect.description, features=effect.features, updated_by=whose
    )
    if changed != idea:
        draft.put(IDEAS, draft.stack.id, changed.but(updated_at=at))


def set_phase(draft: Draft, effect: SetPhase) -> None:
    """Say how far the project has come."""
    if effect.phase is not draft.stack.phase:
        draft.stack = draft.stack.but(phase=effect.phase)
        draft.put(STACKS, draft.stack.id, draft.stack)


def create_todo(draft: Draft, effect: CreateTodo) -> None:
    """Add a piece of work."""
    todo = Todo(
        id=new_id(),
        stack_id=draft.stack.id,
        content=effect.content,
        priority=effect.priority,
        assigned_by=draft.role,
        created_at=draft.now,
        updated_at=draft.now,
        updated_by=draft.role,
        metadata=effect.metadata,
    )
    draft.put(TODOS, todo.id, todo)


def update_todo(draft: Draft, effect: UpdateTodo) -> None:
    """Change a todo that is open."""
    todo = draft.latest(TODOS, draft.stack.id, effect.todo_id)
    if todo is None:
        raise draft.refused(effect, f"there is no todo {effect.todo_id}")
    if not todo.status.open and effect.status is not None and effect.status is not todo.status:
        raise draft.refused(effect, f"todo {todo.id} is {todo.status} already")
    wanted = {"status": effect.status, "priority": effect.priority, "content": effect.content}
    changed = todo.but(**{name: value for name, value in wanted.items() if value is not None})
    if changed == todo:
        return
    closed_at = todo.closed_at if changed.status is todo.status or changed.status.open else draft.now
    draft.put(
        TODOS,
        todo.id,
        changed.but(closed_at=closed_at, updated_at=draft.now, updated_by=draft.role),
    )


def publish_artifact(draft: Draft, effect: PublishArtifact) -> None:
    """Add a version of the page."""
    artifact = Artifact(
        id=new_id(),
        stack_id=draft.stack.id,
        number=1 + _newest_version(draft),
        content=effect.content,
        author=draft.role,
        created_at=draft.now,
        metadata=effect.metadata,
    )
    draft.put(ARTIFACTS, artifact.id, artifact)


def answer_user_message(draft: Draft, effect: AnswerUserMessage) -> None:
    """Answer a visitor, once."""
    message = _user_message(draft, effect, effect.message_id)
    if message.answered_at is None:
        answered = message.but(
            answer=effect.answer, answered_at=draft.now, needs_planning=effect.needs_planning
        )
        draft.put(USER_MESSAGES, message.id, answered)


def plan_user_messages(draft: Draft, effect: PlanUserMessages) -> None:
    """Note that visitors' messages were considered."""
    for message_id in effect.message_ids:
        message = _user_message(draft, effect, message_id)
        if message.planned_at is None:
            draft.put(USER_MESSAGES, message.id, message.but(planned_at=draft.now))


def read_messages(draft: Draft, effect: ReadMessages) -> None:
    """Note that messages of other stacks were read."""
    for message_id in effect.message_ids:
        direct = draft.latest(MESSAGES, draft.stack.id, message_id)
        if direct is not None:
            if direct.read_at is None:
                draft.put(MESSAGES, direct.id, direct.but(read_at=draft.now))
        elif MESSAGES.get(draft.reader, BROADCASTS, message_id) is not None:
            if message_id > draft.stack.broadcasts_read:
                draft.stack = draft.stack.but(broadcasts_read=message_id)
                draft.put(STACKS, draft.stack.id, draft.stack)
        else:
            raise draft.refused(effect, f"there is no message {message_id} to this stack")


def send_message(draft: Draft, effect: SendMessage) -> None:
    """Write to another stack, or to all."""
    receiver = effect.to_stack_id
    if receiver is not None and STACKS.get(draft.reader, receiver) is None:
        raise draft.refused(effect, f"there is no stack {receiver}")
    message = Message(
        id=new_id() if receiver is not None else _broadcast_id(draft),
        from_stack_id=draft.stack.id,
        from_name=draft.stack.name,
        to_stack_id=receiver,
        content=effect.content,
        created_at=draft.now,
    )
    draft.put(MESSAGES, message.id, message)
    draft.written_to.add(receiver or BROADCASTS)


def review_artifact(draft: Draft, effect: ReviewArtifact) -> None:
    """Note what a version was found to lack."""
    if effect.number > _newest_version(draft):
        raise draft.refused(effect, f"there is no version {effect.number} of the artifact")
    state = draft.state(draft.role)
    reviewed = max(effect.number, state.long_term.reviewed_artifact)
    _put_review(
        draft,
        state,
        state.long_term.but(reviewed_artifact=reviewed, recommendations=effect.recommendations),
    )


def take_recommendations(draft: Draft, effect: TakeRecommendations) -> None:
    """Take what was recommended off the list."""
    state = draft.state(REVIEWER)
    left = tuple(r for r in state.long_term.recommendations if r not in effect.recommendations)
    _put_review(draft, state, state.long_term.but(recommendations=left))


def remember(draft: Draft, effect: Remember) -> None:
    """Keep facts and learnings, the newest."""
    state = draft.state(draft.role)
    long_term = state.long_term.but(
        facts=_newest_distinct(state.long_term.facts, effect.facts, MAX_FACTS),
        learnings=_newest_distinct(state.long_term.learnings, effect.learnings, MAX_LEARNINGS),
    )
    draft.note(state.but(long_term=long_term))


def set_focus(draft: Draft, effect: SetFocus) -> None:
    """Note what the role is at."""
    state = draft.state(draft.role)
    update = {"active_task": effect.active_task, "focus": effect.focus}
    draft.note(state.but(short_term=state.short_term.model_copy(update=update)))


APPLY: dict[type[Record], Callable[[Draft, Any], None]] = {
    SetProject: set_project,
    SetPhase: set_phase,
    CreateTodo: create_todo,
    UpdateTodo: update_todo,
    PublishArtifact: publish_artifact,
    AnswerUserMessage: answer_user_message,
    PlanUserMessages: plan_user_messages,
    ReadMessages: read_messages,
    SendMessage: send_message,
    ReviewArtifact: review_artifact,
    TakeRecommendations: take_recommendations,
    Remember: remember,
    SetFocus: set_focus,
}
"""What applies an effect, by its type."""


def _newest_version(draft: Draft) -> int:
    drafted = [record.number for _, record in draft.puts.values() if isinstance(record, Artifact)]
    stored = next(ARTIFACTS.keys(draft.reader, draft.stack.id, newest_first=True), "0")
    return max([*drafted, int(stored)])


def _broadcast_id(draft: Draft) -> str:
    drafted = [
        record.id
        for _, record in draft.puts.values()
        if isinstance(record, Message) and record.to_stack_id is None
    ]
    return next_broadcast_id(max([newest_broadcast(draft.reader), *drafted]))


def _user_message(draft: Draft, effect: Effect, message_id: str) -> UserMessage:
    message: UserMessage | None = draft.latest(USER_MESSAGES, draft.stack.id, message_id)
    if message is None:
        raise draft.refused(effect, f"there is no visitor message {message_id}")
    return message


def _put_review(draft: Draft, state: AgentState, long_term: LongTermMemory) -> None:
    if long_term != state.long_term:
        draft.put(STATES, state.role, state.but(long_term=long_term, updated_at=draft.now))


def _newest_distinct(old: tuple[str, ...], new: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Append what is not there yet and keep the newest `most`."""
    return tuple(dict.fromkeys((*old, *new)))[-most:]
