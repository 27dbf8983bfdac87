"""The communicator that asks a model."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from recursor.agents.answerable_messages import ANSWER_MARK, answered, may_be_answered
from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer, Passage, insist, unknown_numbers
from recursor.agents.model.context import Context, Item, PromptSection, fit
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.scripted.wording import one_line
from recursor.domain.agent import Run
from recursor.domain.effect import (
    AnswerUserMessage,
    Effect,
    Outcome,
    ReadMessages,
    Remember,
    SendMessage,
)
from recursor.domain.message import UserMessage
from recursor.domain.snapshot import Snapshot

LONGEST_ANSWER = 6_000
# Letters answered in one run.
MOST_LETTERS = 10
# Earlier messages of visitors shown with one.
MOST_EARLIER = 10

Said = Annotated[Passage, Field(min_length=1, max_length=LONGEST_ANSWER)]


class MessageReply(BaseModel):
    """The answer to another team's message."""

    number: int
    answer: Said


class Reaction(Answer):
    """The communicator's answer."""

    answer: Said | None = Field(default=None, description="To the visitor, if one waits.")
    needs_planning: bool | None = Field(
        default=None, description="Whether the planner should see the visitor's message."
    )
    letters: list[MessageReply] = Field(default=[], max_length=MOST_LETTERS)


class ModelCommunicator(ModelRole[Reaction]):
    """Speaks for the team."""

    prompt = "communicator"

    def task(self, snapshot: Snapshot, run: Run) -> Task[Reaction] | Outcome:
        """See `ModelRole.task`. Messages that may not be answered are read without asking the model."""
        task = AnsweringTask(snapshot, run)
        if snapshot.unanswered or task.letters:
            return task
        if not snapshot.messages:
            return Outcome()
        return Outcome(
            effects=(task.reading(),),
            summary=f"Messages of other stacks read: {len(snapshot.messages)}; none is to be answered.",
            thoughts=tuple(f"{m.from_name}: “{one_line(m.content, 120)}”" for m in snapshot.messages[:10]),
        )


class AnsweringTask(Task[Reaction]):
    """The visitor whose turn it is, and the messages of other stacks."""

    output = Reaction

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        super().__init__(snapshot, run)
        self.visitor: UserMessage | None = snapshot.next_unanswered
        answerable = may_be_answered(snapshot, snapshot.messages)
        self.letters, waiting = answerable[:MOST_LETTERS], answerable[MOST_LETTERS:]
        self._until = waiting[0].id if waiting else None
        """The first message left for the next run, and all newer ones."""

    def reading(self) -> ReadMessages:
        """Return the effect that marks messages as read."""
        ids = [m.id for m in self.snapshot.messages if self._until is None or m.id < self._until]
        return ReadMessages(message_ids=tuple(ids))

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        return {
            "has_repository": self.snapshot.workspace is not None,
            "has_visitor": self.visitor is not None,
            "has_letters": bool(self.letters),
        }

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot, visitor = self.snapshot, self.visitor
        message: tuple[Item, ...] = ()
        if visitor is not None:
            message = (
                Item(prompt_sections.indented(f"from {visitor.sender}: {visitor.content}"), visitor.id),
            )
        letters = ((f"from the stack {m.from_name}: {m.content}", m.id) for m in self.letters)
        return (
            prompt_sections.state(snapshot, self.run),
            PromptSection("visitor", "A visitor waits for an answer", message, share=0.3, cut=True),
            PromptSection(
                "letters", "Other stacks wrote", prompt_sections.numbered(letters), share=0.3, cut=True
            ),
            prompt_sections.idea(snapshot),
            prompt_sections.outline(snapshot),
            prompt_sections.open_todos(snapshot.open_todos),
            prompt_sections.closed_todos(snapshot),
            self._earlier(),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """See `Task.fitted`. Letters that are not shown are read in the next run."""
        context = fit(sections, room)
        shown = len(context.shown["letters"])
        if shown < len(self.letters):
            self._until = self.letters[shown].id
            self.letters = self.letters[:shown]
        return context

    def check(self, answer: Reaction) -> Reaction:
        """See `Task.check`."""
        problems = unknown_numbers("letter", (letter.number for letter in answer.letters), len(self.letters))
        if self.visitor is not None and not answer.answer:
            problems.append(f"{self.visitor.sender} waits for an answer: give it in answer.")
        if self.visitor is not None and answer.needs_planning is None:
            problems.append("Say in needs_planning whether the planner should see the visitor's message.")
        insist(problems)
        return answer

    def effects(self, answer: Reaction) -> Sequence[Effect]:
        """See `Task.effects`."""
        effects: list[Effect] = []
        if self.visitor is not None and answer.answer:
            effects.append(
                AnswerUserMessage(
                    message_id=self.visitor.id, answer=answer.answer, needs_planning=answer.needs_planning
                )
            )
        if (reading := self.reading()).message_ids:
            effects.append(reading)
        for number, text in {letter.number: letter.answer for letter in answer.letters}.items():
            letter = self.letters[number - 1]
            content = f"{ANSWER_MARK}{one_line(letter.content, 60)}\n{text}"
            effects.append(SendMessage(to_stack_id=letter.from_stack_id, content=content))
            effects.append(Remember(facts=(answered(letter),)))
        return effects

    def _earlier(self) -> PromptSection:
        earlier = [m for m in reversed(self.snapshot.user_messages) if m.answered_at is not None]
        items = tuple(
            Item(
                f"- {m.sender}: {one_line(m.content, 500)}\n  answered: {one_line(m.answer or '', 500)}", m.id
            )
            for m in earlier[:MOST_EARLIER]
        )
        return PromptSection("earlier", "Earlier messages of visitors, the newest first", items, share=0.1)
