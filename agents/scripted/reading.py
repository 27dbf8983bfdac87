"""What a scripted team makes of an idea, and what it does not understand of it: said before anything runs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.language import foreign_language
from recursor.agents.scripted.plan import PageSection
from recursor.agents.scripted.recognition import (
    CLAUSE,
    READ_CHARACTERS,
    Find,
    attributes_in,
    finds_in,
    kept_in,
    lead_of,
    sections_for,
    tail_of,
)
from recursor.agents.scripted.style_request import STYLE_WORDS, look_in
from recursor.agents.scripted.vocabulary import (
    APP_NOUNS,
    DULL,
    EVERY_PAGE_HAS,
    LEAD_IN,
    NOT_A_PAGE,
    is_beyond,
)
from recursor.agents.scripted.wording import CALLED, WORD, one_line, plain
from recursor.domain.project import IdeaReading

# More parts than these are told as one: nobody reads a list of a hundred.
MOST_MISSING = 10
LONGEST_PART = 80

CLONED = "A scripted team makes new sites, and changes nothing in a cloned repository."

_HEAD = re.compile(r"\b(?:with|that|which|where|who|including|so)\b|[,;:.!?\n()]", re.I)
_FILLER = LEAD_IN | DULL | APP_NOUNS | frozenset(["s", "t", "page's", "html", "javascript", "css", "browser"])


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of an idea: the sections of its page, and what is told of it."""

    sections: tuple[PageSection, ...]
    told: IdeaReading


def read_idea(text: str) -> Reading:
    """Return what the scripted team recognises in an idea, and what it cannot make.

    Args:
        text: a person's idea, any language, any length; its first 4,000 characters are read.
    """
    text = plain(text)[:READ_CHARACTERS]
    whole = one_line(text, LONGEST_PART)
    if language := foreign_language(text):
        why = f"The idea is written in {language}, and a scripted team reads only English."
        return Reading((), IdeaReading(missing=(whole,), refusal=why))
    if kind := _no_page(text):
        why = f"The idea asks for {kind}, and a scripted team makes only web pages."
        return Reading((), IdeaReading(missing=(whole,), refusal=why))
    sections = sections_for(text)
    missing = tuple(_missing(text, sections))
    if len(missing) > MOST_MISSING:
        more = len(missing) - MOST_MISSING + 1
        missing = (*missing[: MOST_MISSING - 1], f"and {more} more parts of the idea")
    if not sections:
        why = "A scripted team has no component for this idea."
        return Reading((), IdeaReading(missing=missing or (whole,), refusal=why))
    recognised = tuple(f"{s.title}: {COMPONENTS[s.component].does}" for s in sections)
    return Reading(sections, IdeaReading(recognised=recognised, missing=missing))


def read_idea_for_site(text: str, *, cloned: bool) -> Reading:
    """Return what the scripted team makes of an idea in a repository: a static site, if it is a new one.

    Args:
        text: a person's idea.
        cloned: whether the repository was cloned.
    """
    if cloned:
        whole = one_line(text, LONGEST_PART)
        return Reading((), IdeaReading(missing=(whole,), refusal=CLONED))
    return read_idea(text)


def ending_of(reading: IdeaReading, stack: str) -> str:
    """Return how a project ends of which a scripted team cannot make all.

    Args:
        reading: what it understood.
        stack: the stack's name or id.
    """
    why = f" {reading.refusal}" if reading.refusal else ""
    return (
        f"Done as far as a scripted team can.{why} Missing: {'; '.join(reading.missing)}. "
        f"With a model a team can try it: {reading.with_a_model(stack)}"
    )


def _no_page(text: str) -> str | None:
    """Return what an idea asks for that is no web page; None if it may be one."""
    head = _HEAD.split(text.strip(), maxsplit=1)[0]
    for kind, pattern, anywhere in NOT_A_PAGE:
        if pattern.search(text if anywhere else head):
            return kind
    return None


def _missing(text: str, sections: Sequence[PageSection]) -> Iterator[str]:
    """Yield the parts of an idea that nothing on its page fulfils, in its own words."""
    finds = finds_in(text)
    spans = list(_understood(text, finds, sections))
    seen: set[str] = set()
    begin = 0
    for cut in [*CLAUSE.finditer(text), None]:
        end = len(text) if cut is None else cut.start()
        left = [
            word
            for word in WORD.finditer(text, begin, end)
            if word[0].lower() not in _FILLER
            and not any(start <= word.start() and word.end() <= stop for start, stop in spans)
        ]
        if left and not (begin == 0 and finds and _is_name(text[begin:end])):
            # "Live" says less than "live leaderboard".
            follows = [find.end for find in finds if not text[left[-1].end() : find.start].strip(" -")]
            stop = max(follows, default=0) if text[left[-1].end() : end].strip() else 0
            part = one_line(text[left[0].start() : max(stop, left[-1].end())], LONGEST_PART)
            if part.lower() not in seen:
                seen.add(part.lower())
                yield part
        begin = end if cut is None else cut.end()


def _understood(
    text: str, finds: Sequence[Find], sections: Sequence[PageSection]
) -> Iterator[tuple[int, int]]:
    """Yield where in the idea there is something that its page fulfils."""
    fulfilled = [*EVERY_PAGE_HAS]
    if any(section.component == "records" for section in sections):
        fulfilled += attributes_in(text, finds)
        fulfilled += COMPONENTS["records"].covers
    if not look_in(text).says_nothing:
        fulfilled += STYLE_WORDS
    for find in finds:
        yield find.start, find.end
        fulfilled += (*find.component.covers, *find.variant.covers)
        if not find.component.only_itself:
            yield from _topic(text, *lead_of(text, find, finds))
            yield from _topic(text, *tail_of(text, find, finds))
    for start, end in kept_in(text, finds):
        yield from _topic(text, start, end)
    if called := CALLED.search(text):
        yield called.span()
    if fulfilled:
        longest_first = sorted(fulfilled, key=len, reverse=True)
        pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})(?:s|es)?\b", re.I)
        for match in pattern.finditer(text):
            yield match.span()


def _topic(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the words that say what a section is about, without those that ask it to do something more."""
    for word in WORD.finditer(text, start, end):
        if not is_beyond(word[0]):
            yield word.span()


def _is_name(clause: str) -> bool:
    """Whether a clause only names the page: "Plant care companion"."""
    found = [word.lower() for word in WORD.findall(clause)]
    return bool(found) and found[-1] in APP_NOUNS and not any(map(is_beyond, found))
