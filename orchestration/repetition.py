"""Detects teams that repeat themselves: the same plan, artifact or review again and again."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from recursor.domain.agent_state import AgentState
from recursor.domain.effect import (
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    ProposeCommit,
    PublishArtifact,
    ReviewArtifact,
    SetPhase,
    SetProject,
    UpdateTodo,
)
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import LoopSettings
from recursor.domain.snapshot import Snapshot

# The author's name for changes by people.
_PERSON = "user"
_SHOWN = 120

CONTENT = "content"
"""The fingerprint of a review without recommendations: it ends a series and never counts as a repetition."""


def proposal_of(outcome: Outcome, snapshot: Snapshot) -> str | None:
    """Return a fingerprint of the plan, artifact or review in an outcome, or None if there is none.

    White space and case do not matter, nor the order of todos and recommendations, nor effects that change
    nothing, such as the same project description or the same priority of a todo.

    A plan has new todos or another project. Its changes of open todos and of the phase belong to it: plans
    that differ in them are different. Such changes alone are not a plan: a planner may reorder work and
    report the phase as often as it likes.

    Args:
        outcome: the proposal.
        snapshot: the snapshot from which it was made.
    """
    if any(isinstance(effect, ReviewArtifact) and not effect.recommendations for effect in outcome.effects):
        return CONTENT
    made = _all(_made(effect) for effect in outcome.effects)
    planned = _all(_planned(effect, snapshot.idea) for effect in outcome.effects)
    if not made and not planned:
        return None
    # A page is the same whichever todo it claims to complete.
    arranged = [] if made else _all(_arranged(effect, snapshot) for effect in outcome.effects)
    said = sorted([*made, *planned, *arranged])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def circle(
    snapshot: Snapshot, role: str, proposal: str, outcome: Outcome, settings: LoopSettings
) -> str | None:
    """Return why a team counts as repeating itself, or None.

    It does when the same proposal has come `repetitions` times and comes again: each time, or every other
    time, as when two versions alternate. Proposals before the last input of a person do not count: since then
    the team has new information, or was resumed to try again.

    Args:
        snapshot: the role's snapshot.
        role: the role.
        proposal: the fingerprint of its new proposal.
        outcome: the new proposal, to quote from.
        settings: the limits.
    """
    state: AgentState | None = snapshot.states.get(role)
    if state is None or proposal == CONTENT or not settings.repetitions:
        return None
    since = _last_word_of_a_person(snapshot)
    newest = state.short_term.proposals[-2 * settings.repetitions :]
    row = [p.fingerprint for p in newest if p.made_at > since]
    if CONTENT in row:
        row = row[len(row) - row[::-1].index(CONTENT) :]
    earlier = row.count(proposal)
    if earlier < settings.repetitions:
        return None
    return (
        f"repeated {earlier} times without new input: "
        f"{_quoted(outcome)} (loop.repetitions = {settings.repetitions}). Give the team a new idea, todo "
        "or message, or raise the limit (0: none), then resume"
    )


def _last_word_of_a_person(snapshot: Snapshot) -> float:
    stack, idea = snapshot.stack, snapshot.idea
    moments = [stack.created_at, stack.started_at, stack.resumed_at, stack.last_input_at]
    # Older records lack the time of the last input: then the time of the last change by a person serves.
    moments += [message.created_at for message in snapshot.user_messages]
    moments += [todo.created_at for todo in snapshot.todos if todo.assigned_by == _PERSON]
    moments += [todo.updated_at for todo in snapshot.todos if todo.updated_by == _PERSON]
    if idea is not None and idea.updated_by == _PERSON:
        moments.append(idea.updated_at)
    return max(moment for moment in moments if moment is not None)


def _quoted(outcome: Outcome) -> str:
    for effect in outcome.effects:
        match effect:
            case ProposeCommit():
                return f"the same commit “{_cut(effect.title)}”"
            case CreateTodo():
                return f"the todo “{_cut(effect.content)}”"
            case PublishArtifact():
                return f"the same page of {len(effect.content):,} characters"
            case ReviewArtifact(recommendations=recommendations) if recommendations:
                return f"the review “{_cut(recommendations[0])}”"
    return "the same project"


def _all(said: Iterable[list[str] | None]) -> list[list[str]]:
    return [each for each in said if each is not None]


def _made(effect: Effect) -> list[str] | None:
    match effect:
        case PublishArtifact():
            return ["artifact", effect.content]
        case ProposeCommit():
            return ["commit", effect.tree, effect.todo_id]
        case ReviewArtifact():
            return ["review", *sorted(map(_plain, effect.recommendations))]
    return None


def _planned(effect: Effect, idea: ProjectIdea | None) -> list[str] | None:
    match effect:
        case CreateTodo():
            return ["todo", _plain(effect.content)]
        case SetProject():
            now = None if idea is None else _project(idea.title or "", idea.description, idea.features)
            project = _project(effect.title, effect.description, effect.features)
            return None if project == now else project
    return None


def _arranged(effect: Effect, snapshot: Snapshot) -> list[str] | None:
    match effect:
        case SetPhase() if effect.phase is not snapshot.stack.phase:
            return ["phase", effect.phase]
        case PlanUserMessages():
            # The same plan for unplanned messages is an answer to something new.
            unplanned = {message.id for message in snapshot.user_messages if message.planned_at is None}
            new = sorted(unplanned.intersection(effect.message_ids))
            return ["messages", *new] if new else None
        case UpdateTodo():
            todo = next((todo for todo in snapshot.todos if todo.id == effect.todo_id), None)
            changes = [
                f"{name}: {wanted}"
                for name in ("status", "priority", "content")
                if (wanted := getattr(effect, name)) is not None
                and (todo is None or wanted != getattr(todo, name))
            ]
            # By content: a todo that is cancelled and planned again has a new id each time.
            of = effect.todo_id if todo is None else _plain(todo.content)
            return ["change", of, *changes] if changes else None
    return None


def _project(title: str, description: str, features: Sequence[str]) -> list[str]:
    return ["project", *map(_plain, (title, description, *features))]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
