"""Answers to visitors: from the current state, never beyond what is known."""

import re
from collections.abc import Sequence

from recursor.agents.scripted.changes import Understanding, describe, understand
from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.plan import PageSection, plan_of, sections_in_sight
from recursor.agents.scripted.recognition import finds_in
from recursor.agents.scripted.wording import one_line, plain
from recursor.domain.message import UserMessage
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import TodoStatus

_STATUS = re.compile(
    r"\b(?:status|progress|how far|ready|finished|done yet|completed?|when|how long|how('s| is) it going"
    r"|what are you (?:doing|working on)|what('s| is) (?:going on|new|next|left|up)|version|state of)\b",
    re.I,
)
_USE = re.compile(r"\b(?:how (?:do|can|does|should|to)|where (?:do|can|is)|explain|instructions)\b", re.I)
_ABILITY = re.compile(
    r"\b(?:what can|what does|what do you|what is (?:this|it)|features?|sections?|who are you"
    r"|are you (?:an? )?(?:ai|bot|human|robot|real|model)|help)\b",
    re.I,
)
_THANKS = re.compile(
    r"\b(?:thanks?|thank you|thx|great|awesome|nice|love it|well done|good job|cool)\b", re.I
)
_GREETING = re.compile(
    r"^\s*(?:hi|hello|hey|good (?:morning|evening|afternoon)|greetings|hallo|hola|bonjour)\b", re.I
)
_DATA = re.compile(
    r"\b(?:privacy|private|my data|stored|store|saved?|who sees|tracking|cookies?|server|cloud|sync)\b", re.I
)

_ABOUT_DATA = "What you enter stays in your browser: the page contacts no server, and nobody here can see it."
_NOT_UNDERSTOOD = (
    "I follow fixed rules and did not understand this. You can ask about our progress, ask how to use a "
    "section, or request a change, such as “please add a calendar”, “make it blue” or “remove the notes”."
)


def answer_to(message: UserMessage, snapshot: Snapshot) -> tuple[str, str]:
    """Return the answer to a visitor, and the reason for choosing it."""
    if snapshot.workspace is not None:
        return _about_repository(message, snapshot)
    sections = sections_in_sight(snapshot.artifact, snapshot.todos)
    if planned := _planned(message, snapshot):
        return planned, "The planner made todos from this message; I report their progress."
    text = plain(message.content)
    if _USE.search(text) and (explained := _explained(text, sections)):
        return explained, "A question about the use of a section."
    understood = understand(text, sections)
    if understood.is_change:
        return _promise(understood, sections, message), "A request for a change that the team can make."
    if understood.has_already:
        named = ", ".join(f"“{title}”" for title in understood.has_already)
        return f"The page already has {named}. {state_of(snapshot)}", "The page already has this."
    return _small_talk(text, message, snapshot, sections)


def state_of(snapshot: Snapshot) -> str:
    """Return the state of the project in one or two sentences."""
    idea = snapshot.idea
    name = f"“{idea.title}”" if idea and idea.title else "The project"
    if snapshot.workspace is not None:
        return _state_of_repository(name, snapshot)
    return _state_of_page(name, snapshot)


def _state_of_page(name: str, snapshot: Snapshot) -> str:
    idea, artifact, waiting = snapshot.idea, snapshot.artifact, snapshot.open_todos
    reading = None if idea is None else idea.reading
    if artifact is None and reading is not None and reading.refusal and snapshot.stack.phase.is_final:
        return f"{name} has no page. {reading.refusal}"
    if artifact is None:
        return f"{name} is being planned; there is no version of the page yet."
    plan = plan_of(artifact)
    titles = ", ".join(section.title for section in plan.sections) if plan else ""
    shown = f"version {artifact.number}" + (f" with {titles}" if titles else "")
    if waiting:
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return f"{name} is at {shown}. Next: {one_line(waiting[0].content, 100)}{more}."
    if snapshot.stack.phase.is_final:
        if reading is not None and reading.missing:
            lacks = one_line("; ".join(reading.missing), 300)
            return f"{name} is done as far as a scripted team can: {shown}. Missing: {lacks}."
        return f"{name} is complete: {shown}. You can still ask for changes."
    return f"{name} is at {shown}. Everything planned is built; the review is under way."


def _about_repository(message: UserMessage, snapshot: Snapshot) -> tuple[str, str]:
    """Answer a visitor of a team that works on a repository."""
    state = _state_of_repository("The project", snapshot)
    todos = [todo for todo in snapshot.todos if todo.metadata.get("message") == message.id]
    if todos:
        done = sum(todo.status is TodoStatus.COMPLETED for todo in todos)
        what = "; ".join(one_line(todo.content, 120) for todo in todos)
        return f"Planned: {what}. Merged so far: {done} of {len(todos)}.", "The planner made todos of it."
    if message.planned_at is not None:
        return f"The planner has read this and made no todo of it. {state}", "The planner made no todo of it."
    return f"The planner will read this. {state}", "The planner has not read it yet."


def _state_of_repository(name: str, snapshot: Snapshot) -> str:
    workspace, waiting = snapshot.workspace, snapshot.open_todos
    if workspace is None or workspace.tip is None:
        return f"{name} has no repository yet; it is being made."
    shown = f"{name} is at commit {workspace.tip[:12]}"
    if waiting:
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return f"{shown}. Next: {one_line(waiting[0].content, 100)}{more}."
    reading = None if snapshot.idea is None else snapshot.idea.reading
    if reading is not None and reading.missing:
        return f"{shown}. Missing: {one_line('; '.join(reading.missing), 300)}."
    if snapshot.stack.phase.is_final:
        return f"{shown}: it is complete. You can still ask for changes."
    return f"{shown}. Everything planned is merged."


def _small_talk(
    text: str, message: UserMessage, snapshot: Snapshot, sections: Sequence[PageSection]
) -> tuple[str, str]:
    state = state_of(snapshot)
    is_short = len(text) < 120 and "?" not in text
    replies: tuple[tuple[bool, str, str], ...] = (
        (bool(_DATA.search(text)), _ABOUT_DATA, "A question about data."),
        (bool(_STATUS.search(text)), state, "A question about progress."),
        (bool(_ABILITY.search(text)), f"{_abilities(sections)} {state}", "A question about features."),
        (bool(_GREETING.search(text)) and is_short, f"Hello, {message.sender}. {state}", "A greeting."),
        (bool(_THANKS.search(text)) and is_short, f"Thank you, {message.sender}. {state}", "Thanks."),
        (True, f"{_NOT_UNDERSTOOD} {state}", "Not understood."),
    )
    return next((answer, why) for fits, answer, why in replies if fits)


def _planned(message: UserMessage, snapshot: Snapshot) -> str:
    """Return the state of the todos that the planner made from a message; empty if it made none."""
    todos = [todo for todo in snapshot.todos if todo.metadata.get("message") == message.id]
    if message.planned_at is None or not todos:
        return ""
    done = sum(todo.status is TodoStatus.COMPLETED for todo in todos)
    what = "; ".join(one_line(todo.content, 120) for todo in todos)
    if done == len(todos) and snapshot.artifact:
        return f"Done in version {snapshot.artifact.number}: {what}."
    if all(todo.status is TodoStatus.CANCELLED for todo in todos):
        return f"This was planned but could not be built: {what}."
    return f"Planned: {what}. Done so far: {done} of {len(todos)}; the rest follows in the next versions."


def _promise(understood: Understanding, sections: Sequence[PageSection], message: UserMessage) -> str:
    what = "; ".join(describe(step, sections) for step in understood.steps)
    if message.planned_at is not None:
        return (
            f"I understood this as: {what}. The planner has seen it but made no todo; "
            "please ask again if you still want it."
        )
    return (
        f"I understood this as a change: {what}. It will be planned, built and reviewed next. "
        "Please check back in a moment."
    )


def _explained(text: str, sections: Sequence[PageSection]) -> str:
    names = {find.component.name for find in finds_in(text)}
    for section in sections:
        if section.component in names or section.title.lower() in text.lower():
            return f"{section.title}: {COMPONENTS[section.component].how}"
    return ""


def _abilities(sections: Sequence[PageSection]) -> str:
    introduction = "We are a scripted team: fixed rules, no language model."
    if not sections:
        return introduction
    parts = "; ".join(f"{s.title} (to {COMPONENTS[s.component].does})" for s in sections)
    return f"{introduction} The page has or will have: {parts}."
