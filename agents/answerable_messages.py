"""Which messages of other stacks may be answered, so that no exchange goes on forever."""

from collections.abc import Iterable

from recursor.domain.message import Message
from recursor.domain.snapshot import Snapshot

# Answers to other stacks begin with this, and messages that begin with it get no answer.
ANSWER_MARK = "Re: "
# The most answers to one stack: its further messages are read but not answered.
MAX_ANSWERS_A_STACK = 5


def may_be_answered(snapshot: Snapshot, letters: Iterable[Message]) -> list[Message]:
    """Return those of `letters` that may get an answer. Broadcasts and answers never get one."""
    state = snapshot.states.get("communicator")
    known = state.long_term.facts if state else ()
    chosen: list[Message] = []
    for letter in letters:
        sender = letter.from_stack_id
        if (
            letter.to_stack_id is None
            or letter.content.startswith(ANSWER_MARK)
            or sender == snapshot.stack.id
        ):
            continue
        before = sum(fact.startswith(_answered(sender)) for fact in known)
        now = sum(other.from_stack_id == sender for other in chosen)
        if before + now < MAX_ANSWERS_A_STACK:
            chosen.append(letter)
    return chosen


def answered(letter: Message) -> str:
    """Return the fact that tells the communicator that it has answered a message."""
    return f"{_answered(letter.from_stack_id)}message {letter.id}."


def _answered(stack_id: str) -> str:
    return f"Answered stack {stack_id}, "
