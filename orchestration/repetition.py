"""Whether a team goes in circles: the same plan, artifact or review comes again and again."""

import hashlib
import json

from recursor.domain.agent_state import AgentState
from recursor.domain.effect import CreateTodo, Outcome, PublishArtifact, ReviewArtifact, SetProject
from recursor.domain.settings import LoopSettings
from recursor.domain.snapshot import Snapshot

# A person's name for the one who changed something.
_PERSON = "user"
_SHOWN = 120

CONTENT = "content"
"""The fingerprint of a review that recommends nothing: it ends a row, and is never one too many."""


def proposal_of(outcome: Outcome) -> str | None:
    """Return a fingerprint of the plan, artifact or review in an outcome, or None where there is none.

    White space and case make no difference, nor does the order of todos and recommendations.
    """
    said: list[list[str]] = []
    for effect in outcome.effects:
        match effect:
            case CreateTodo():
                said.append(["todo", _plain(effect.content)])
            case SetProject():
                said.append(["project", *map(_plain, (effect.title, effect.description, *effect.features))])
            case PublishArtifact():
                said.append(["artifact", effect.content])
            case ReviewArtifact(recommendations=()):
                return CONTENT
            case ReviewArtifact(recommendations=recommendations):
                said.append(["review", *sorted(map(_plain, recommendations))])
    if not said:
        return None
    return hashlib.sha256(json.dumps(sorted(said)).encode()).hexdigest()[:16]


def circle(
    snapshot: Snapshot, role: str, proposal: str, outcome: Outcome, settings: LoopSettings
) -> str | None:
    """Return what shows that a team goes in circles, or None.

    It does when the same has come `repetitions` times already, and comes once more: each time, or every other
    time, as when two versions take turns. What came before a person last did something does not count: the
    team has been told something new since, or was resumed to try again.

    Args:
        snapshot: what the role has seen.
        role: the role.
        proposal: the fingerprint of what it proposes now.
        outcome: what it proposes, to be quoted.
        settings: when to stop a team.
    """
    state: AgentState | None = snapshot.states.get(role)
    if state is None or proposal == CONTENT:
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
        f"it goes in circles: {earlier} times already, with nothing new from people, it has proposed "
        f"{_quoted(outcome)} (loop.repetitions = {settings.repetitions}): give the team another idea, todo "
        "or message, or raise that, then resume"
    )


def _last_word_of_a_person(snapshot: Snapshot) -> float:
    stack, idea = snapshot.stack, snapshot.idea
    moments = [stack.created_at, stack.started_at, stack.resumed_at]
    moments += [message.created_at for message in snapshot.user_messages]
    moments += [todo.updated_at for todo in snapshot.todos if todo.updated_by == _PERSON]
    if idea is not None and idea.updated_by == _PERSON:
        moments.append(idea.updated_at)
    return max(moment for moment in moments if moment is not None)


def _quoted(outcome: Outcome) -> str:
    for effect in outcome.effects:
        match effect:
            case CreateTodo():
                return f"the todo “{_cut(effect.content)}”"
            case PublishArtifact():
                return f"the same page of {len(effect.content):,} characters"
            case ReviewArtifact(recommendations=recommendations) if recommendations:
                return f"the review “{_cut(recommendations[0])}”"
    return "the same project"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
