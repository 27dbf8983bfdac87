"""The communicator: answers visitors from the actual state, one at a time, and reads other stacks' mail."""

from recursor.agents.scripted.answers import answer_to, state_of
from recursor.agents.scripted.wording import one_line
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
from recursor.domain.message import Message
from recursor.domain.snapshot import Snapshot

# An answer to another stack begins with this, and what begins with this gets none: no talk goes on forever.
ANSWER_MARK = "Re: "
# Another stack that asks on and on is read, but not answered, beyond this.
MAX_ANSWERS_A_STACK = 5


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
                thoughts.append(f"Still waiting for an answer: {waiting}.")
        if snapshot.messages:
            effects.append(ReadMessages(message_ids=tuple(m.id for m in snapshot.messages)))
            said.append(f"Messages of other stacks read: {len(snapshot.messages)}.")
            thoughts += [f"{m.from_name}: “{one_line(m.content, 120)}”" for m in snapshot.messages]
            for letter in _to_answer(snapshot):
                answer = f"{ANSWER_MARK}{one_line(letter.content, 60)}\n{state_of(snapshot)}"
                effects.append(SendMessage(to_stack_id=letter.from_stack_id, content=answer))
                effects.append(Remember(facts=(f"{_answered(letter.from_stack_id)}message {letter.id}.",)))
                said.append(f"Answered {letter.from_name}.")
        if not effects:
            return Outcome()
        return Outcome(effects=tuple(effects), summary=" ".join(said), thoughts=tuple(thoughts))


def _to_answer(snapshot: Snapshot) -> list[Message]:
    """Return the messages that ask us something. Broadcasts and answers never get an answer."""
    state = snapshot.states.get("communicator")
    known = state.long_term.facts if state else ()
    chosen: list[Message] = []
    for letter in snapshot.messages:
        asks = letter.to_stack_id is not None and "?" in letter.content
        sender = letter.from_stack_id
        if not asks or letter.content.startswith(ANSWER_MARK) or sender == snapshot.stack.id:
            continue
        before = sum(fact.startswith(_answered(sender)) for fact in known)
        now = sum(other.from_stack_id == sender for other in chosen)
        if before + now < MAX_ANSWERS_A_STACK:
            chosen.append(letter)
    return chosen


def _answered(stack_id: str) -> str:
    return f"Answered stack {stack_id}, "
