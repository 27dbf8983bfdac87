"""The communicator: answers visitors from the actual state, one at a time, and reads other stacks' messages."""

import re

from recursor.agents.scripted.changes import Understanding, understand
from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.plan import Section, plan_of, sections_in_sight
from recursor.agents.scripted.planner import describe
from recursor.agents.scripted.recognition import finds_in
from recursor.agents.scripted.wording import one_line, plain
from recursor.domain.agent import Run
from recursor.domain.effect import (
    AnswerUserMessage,
    Effect,
    Outcome,
    ReadMessages,
    Remember,
    SendMessage,
    SetFocus,
)
from recursor.domain.message import Message, UserMessage
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus

# An answer to another stack begins with this, and what begins with this is not answered: no talk goes on forever.
ANSWER_MARK = "Re: "
# Another stack that asks on and on is read, but not answered, beyond this.
MAX_ANSWERS_A_STACK = 5

_STATUS = re.compile(
    r"\b(?:status|progress|how far|ready|finished|done yet|complete[d]?|when|how long|how is it going|how's it going|what are you (?:doing|working on)|"
    r"what('s| is) (?:going on|new|next|left|happening)|version|state of)\b",
    re.I,
)
_USE = re.compile(r"\b(?:how (?:do|can|does|should|to)|where (?:do|can|is)|explain|instructions)\b", re.I)
_ABILITY = re.compile(
    r"\b(?:what can|what does|what do you|what is (?:this|it)|features?|sections?|who are you|are you (?:an? )?(?:ai|bot|human|robot|real|model)|help)\b",
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


class Communicator:
    """Speaks for the team."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:  # noqa: ARG002  # all it needs is in the snapshot
        """Propose the answer to the oldest unanswered message, and read what other stacks wrote."""
        effects: list[Effect] = []
        said: list[str] = []
        thoughts: list[str] = []
        if snapshot.unanswered:
            message = snapshot.unanswered[0]
            answer, why = answer_to(message, snapshot)
            effects.append(AnswerUserMessage(message_id=message.id, answer=answer))
            effects.append(SetFocus(active_task=None, focus=f"Answered {message.sender}"))
            said.append(f"Answered {message.sender}: “{one_line(message.content, 80)}”")
            thoughts.append(why)
            if waiting := len(snapshot.unanswered) - 1:
                thoughts.append(f"{waiting} more {'waits' if waiting == 1 else 'wait'} for an answer.")
        if snapshot.messages:
            effects.append(ReadMessages(message_ids=tuple(m.id for m in snapshot.messages)))
            said.append(
                f"Read {len(snapshot.messages)} message{'s' * (len(snapshot.messages) != 1)} of other stacks."
            )
            answered: dict[str, int] = {}
            for letter in snapshot.messages:
                thoughts.append(f"{letter.from_name}: “{one_line(letter.content, 120)}”")
                if _deserves_answer(letter, snapshot, answered.get(letter.from_stack_id, 0)):
                    answered[letter.from_stack_id] = answered.get(letter.from_stack_id, 0) + 1
                    effects.append(
                        SendMessage(
                            to_stack_id=letter.from_stack_id,
                            content=f"{ANSWER_MARK}{one_line(letter.content, 60)}\n{_state(snapshot)}",
                        )
                    )
                    effects.append(Remember(facts=(_answered_fact(letter),)))
                    said.append(f"Answered {letter.from_name}.")
        if not effects:
            return Outcome()
        return Outcome(effects=tuple(effects), summary=" ".join(said), thoughts=tuple(thoughts))


def answer_to(message: UserMessage, snapshot: Snapshot) -> tuple[str, str]:
    """Return the answer to a visitor, and why it is this one."""
    text = plain(message.content)
    sections = sections_in_sight(snapshot.artifact, snapshot.todos)
    if wish := _planned_wish(message, snapshot):
        return wish, "The planner has made todos of this message, so I say how far they are."
    understood = understand(text, sections)
    if _USE.search(text) and (explained := _explained(text, sections)):
        return explained, "It asks how something is used, and the page has it."
    if understood.is_change:
        return _promise(understood, sections, message), "It asks for a change that the team can make."
    if understood.has_already:
        named = ", ".join(f"“{title}”" for title in understood.has_already)
        return f"The page has that already: {named}. {_state(snapshot)}", "What it asks for is there."
    if _DATA.search(text):
        return (
            "What you enter stays in your own browser: the page asks no other computer for anything, and nobody here can see it.",
            "It asks about data.",
        )
    if _STATUS.search(text):
        return _state(snapshot), "It asks how far we are."
    if _ABILITY.search(text):
        return f"{_abilities(sections)} {_state(snapshot)}", "It asks what there is."
    if _GREETING.search(text) and len(text) < 60:
        return f"Hello, {message.sender}. {_state(snapshot)}", "A greeting."
    if _THANKS.search(text) and "?" not in text and len(text) < 120:
        return f"Thank you, {message.sender}. {_state(snapshot)}", "Kind words."
    return (
        "I am scripted and did not understand this as a question that I can answer or a change that we can make. "
        "You can ask how far we are, ask how a section is used, or ask for a change, such as “please add a calendar”, "
        f"“make it blue” or “remove the notes”. {_state(snapshot)}",
        "Nothing that I know fits it, so I say so.",
    )


def _planned_wish(message: UserMessage, snapshot: Snapshot) -> str:
    todos = [t for t in snapshot.todos if t.metadata.get("message") == message.id]
    if message.planned_at is None or not todos:
        return ""
    done = [t for t in todos if t.status is TodoStatus.COMPLETED]
    version = f"version {snapshot.artifact.number}" if snapshot.artifact else "the page"
    what = "; ".join(one_line(t.content, 120) for t in todos)
    if len(done) == len(todos):
        return f"Done, and in {version} already: {what}."
    if all(t.status is TodoStatus.CANCELLED for t in todos):
        return f"It was planned, but could not be built: {what}."
    return f"It is planned: {what}. It will be in one of the next versions; {len(done)} of {len(todos)} done so far."


def _promise(understood: Understanding, sections: tuple[Section, ...], message: UserMessage) -> str:
    what = "; ".join(describe(step, sections) for step in understood.steps)
    if message.planned_at is not None:
        return f"I understand it as: {what}. The planner has looked at it and made no todo of it; please ask again if you still want it."
    return f"I understand it as a change: {what}. The planner takes it up next, then it is built and reviewed. Look again in a moment."


def _explained(text: str, sections: tuple[Section, ...]) -> str:
    names = {find.component.name for find in finds_in(text)}
    lowered = text.lower()
    for section in sections:
        if section.component in names or section.title.lower() in lowered:
            return f"{section.title}: {COMPONENTS[section.component].how}"
    return ""


def _abilities(sections: tuple[Section, ...]) -> str:
    introduction = "We are a scripted team: fixed rules, no language model."
    if not sections:
        return introduction
    has = "; ".join(f"{s.title} (to {COMPONENTS[s.component].does})" for s in sections)
    return f"{introduction} The page has or will have: {has}."


def _state(snapshot: Snapshot) -> str:
    """Return how far the project is, in one or two sentences."""
    idea, artifact, waiting = snapshot.idea, snapshot.artifact, snapshot.open_todos
    name = f"“{idea.title}”" if idea and idea.title else "The project"
    plan = plan_of(artifact)
    if artifact is None:
        return f"{name} is being planned; there is no version of the page yet."
    shown = f"version {artifact.number}" + (
        f" with {', '.join(s.title for s in plan.sections)}" if plan and plan.sections else ""
    )
    if waiting:
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return f"{name} is at {shown}. Next: {one_line(waiting[0].content, 100)}{more}."
    if snapshot.stack.phase is Phase.COMPLETE:
        return f"{name} is complete: {shown}. You can still ask for changes."
    return f"{name} is at {shown}; nothing is left to build, and the review is under way."


def _deserves_answer(letter: Message, snapshot: Snapshot, answered_now: int) -> bool:
    """Whether a message of another stack asks us something. Broadcasts and answers never get an answer."""
    if letter.to_stack_id is None or letter.from_stack_id == snapshot.stack.id:
        return False
    if letter.content.startswith(ANSWER_MARK.strip()) or "?" not in letter.content:
        return False
    state = snapshot.states.get("communicator")
    known = state.long_term.facts if state else ()
    before = sum(fact.startswith(f"Answered stack {letter.from_stack_id} ") for fact in known)
    return before + answered_now < MAX_ANSWERS_A_STACK


def _answered_fact(letter: Message) -> str:
    return f"Answered stack {letter.from_stack_id} ({one_line(letter.from_name, 80)}) on its message {letter.id}."
