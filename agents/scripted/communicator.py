"""The communicator: answers visitors from the current state, one at a time, and reads other stacks'
messages."""

from recursor.agents.answerable_messages import ANSWER_MARK, answered, may_be_answered
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


class ScriptedCommunicator:
    """Speaks for the team."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:  # noqa: ARG002  # it needs only the snapshot
        """Propose the answer to the visitor whose turn it is, and read other stacks' messages."""
        effects: list[Effect] = []
        said: list[str] = []
        thoughts: list[str] = []
        message = snapshot.next_unanswered
        if message is not None:
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
                effects.append(Remember(facts=(answered(letter),)))
                said.append(f"Answered {letter.from_name}.")
        if not effects:
            return Outcome()
        return Outcome(effects=tuple(effects), summary=" ".join(said), thoughts=tuple(thoughts))


def _to_answer(snapshot: Snapshot) -> list[Message]:
    """Return the messages that ask a question."""
    return may_be_answered(snapshot, [letter for letter in snapshot.messages if "?" in letter.content])
