"""The common parts of all models' answers, and how an answer is returned with its problems."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_ai import ModelRetry

from recursor.agents.scripted.wording import one_line, plain
from recursor.domain.agent_state import AgentState
from recursor.domain.effect import Effect, Remember, SetFocus

# Characters of a sentence. Longer ones are cut, with a mark: asking again is not worth the cost.
LONGEST_SENTENCE = 400
# Sentences of a kind. If a model gives more, it is told and asked again: none is dropped silently.
MOST_SENTENCES = 20
# Further problems are reported the next time.
MOST_PROBLEMS = 10

Sentence = Annotated[str, AfterValidator(lambda text: one_line(text, LONGEST_SENTENCE))]
Passage = Annotated[str, AfterValidator(lambda text: plain(text).strip())]


Sentences = Annotated[
    list[Sentence],
    Field(max_length=MOST_SENTENCES),
    AfterValidator(lambda sentences: [sentence for sentence in sentences if sentence]),
]


class Learned(BaseModel):
    """Things to remember."""

    facts: Sentences = Field(default=[], description="What is so, about this project and its people.")
    learnings: Sentences = Field(default=[], description="What to do, or not to do, another time.")


class Answer(BaseModel):
    """The common parts of all answers."""

    summary: Sentence = Field(description="One sentence: what you did, and why.")
    thoughts: Sentences = Field(default=[], description="The reasons that decided, a sentence each.")
    learned: Learned = Learned()


def notes(state: AgentState | None, learned: Learned, focus: str) -> tuple[Effect, ...]:
    """Return the effects that record new knowledge and the role's focus.

    Args:
        state: the role's state: known entries are not added again, whatever their case and white space.
        learned: what the model wants to remember.
        focus: what it is working on.
    """
    known = (
        set() if state is None else {_key(t) for t in (*state.long_term.facts, *state.long_term.learnings)}
    )
    facts, learnings = _new(learned.facts, known), _new(learned.learnings, known)
    effects: list[Effect] = [SetFocus(active_task=None, focus=one_line(focus, 200))]
    if facts or learnings:
        effects.append(Remember(facts=facts, learnings=learnings))
    return tuple(effects)


def insist(problems: Iterable[str]) -> None:
    """Ask the model again if there are problems.

    Raises:
        ModelRetry: there are.
    """
    found = list(problems)
    if found:
        more = len(found) - MOST_PROBLEMS
        ending = f"\n(and {more} more)" if more > 0 else ""
        raise ModelRetry("\n".join(found[:MOST_PROBLEMS]) + ending)


def unknown_numbers(what: str, numbers: Iterable[int], known: int) -> list[str]:
    """Return the problem with numbers outside 1 to `known`."""
    return [
        f"There is no {what} {number}: "
        + (f"they are numbered 1 to {known}." if known else "there are none.")
        for number in sorted(set(numbers))
        if not 1 <= number <= known
    ]


def _new(texts: Iterable[str], known: set[str]) -> tuple[str, ...]:
    new = []
    for text in texts:
        if _key(text) not in known:
            known.add(_key(text))
            new.append(text)
    return tuple(new)


def _key(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!")
