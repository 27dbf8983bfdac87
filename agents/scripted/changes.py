"""From a visitor's words to steps: what is to be added, removed, renamed or restyled, if anything is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.plan import (
    AddPart,
    AddSection,
    Part,
    RemoveSection,
    Restyle,
    Retitle,
    Section,
    Step,
)
from recursor.agents.scripted.recognition import attributes_in, finds_in, records, sections_for
from recursor.agents.scripted.theme import look_in
from recursor.agents.scripted.wording import kept_thing, one_line, plain, sentence_case, words

# A message leads to no more steps than this: it is a wish, not a new idea.
MAX_STEPS = 4

_WISH = re.compile(
    r"\b(?:add|adding|include|insert|create|build|make|put|give|show|change|turn|switch|set|use|replace|swap|want|wants|need|needs|"
    r"would like|'d like|would love|would be (?:nice|great|good)|should|could|can|please|missing|lacks?|how about|what about|let's have|"
    r"let us have|improve|update|rename|call|remove|delete|drop|instead|feature|wish)\b",
    re.I,
)
_ADD = re.compile(
    r"\b(?:add|adding|include|insert|create|build|put|give (?:me|us)|show(?: me| us)?|want|wants|need|needs|would like|'d like|would love|"
    r"how about|what about|have|has|having|track|keep|missing|lacks?|with|make|feature|use)\b",
    re.I,
)
_REMOVE = re.compile(
    r"\b(?:remove|delete|drop|get rid of|take (?:away|out|off)|hide|without|throw out|no longer (?:need|want)|"
    r"(?:do not|don't|don’t) (?:need|want)|no more)\b\s*(?P<what>[^.;!?\n]*)",
    re.I,
)
_REPLACE = re.compile(
    r"\b(?:replace|swap|exchange|change)\s+(?P<old>[^.;!?\n]+?)\s+(?:with|by|for|into)\s+(?P<new>[^.;!?\n]+)",
    re.I,
)
_INSTEAD = re.compile(
    r"(?P<new>[^.;!?\n]+?)\s+(?:instead of|rather than|in place of)\s+(?P<old>[^.;!?\n]+)", re.I
)
_RENAME = re.compile(
    r"\b(?:rename (?:it|this|the (?:page|app|site|project))(?: to| into)?|call (?:it|this|the (?:page|app|site|project))|"
    r"(?:change|set|make) (?:the |its |my |our )?(?:title|name|heading|headline)(?: of (?:it|this|the page))? (?:to|into)|"
    r"(?:new|better) (?:title|name):)\s*[\"'“‘«]?(?P<name>[^\"”»\n.!?]{1,80})",
    re.I,
)
_ANOTHER = re.compile(r"\b(?:another|second|third|additional|one more|new|extra|separate|own)\b", re.I)
_PARTS: tuple[tuple[Part, str], ...] = (
    (Part.BACKUP, r"\b(?:export|import|back ?up|download (?:my|the|all|our) (?:data|entries)|save (?:it |my data |the data |everything )?(?:to|as) a file|json)\b"),
    (Part.NAVIGATION, r"\b(?:navigation|nav ?bar|menu bar|table of contents|links to (?:the )?sections|jump to)\b"),
    (Part.GUIDE, r"\b(?:instructions|help text|how[ -]to|guide|tutorial|explanations?|manual|tooltips?)\b"),
)  # fmt: skip
# What follows a wish without naming anything to build: "I want to know", "can you tell me".
_NO_THING = frozenset(
    [
        "to",
        "you",
        "it",
        "this",
        "that",
        "these",
        "those",
        "know",
        "understand",
        "see",
        "tell",
        "say",
        "me",
        "us",
        "more",
        "less",
        "help",
        "sure",
        "them",
        "they",
        "he",
        "she",
        "one",
        "something",
        "anything",
        "everything",
        "nothing",
        "changes",
        "change",
        "update",
        "improvement",
        "improvements",
        "faster",
        "better",
        "fix",
        "fixed",
        "bug",
        "bugs",
        "answer",
        "question",
        "questions",
        "all",
        "be",
        "do",
        "is",
        "are",
        "if",
        "how",
        "what",
        "why",
        "when",
        "where",
        "who",
        "thanks",
        "thank",
        "work",
        "working",
        "works",
        "there",
        "here",
    ]
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a text was understood to ask for."""

    steps: tuple[Step, ...] = ()
    has_already: tuple[str, ...] = ()
    """Headings of sections that it asks for and the page has."""

    @property
    def is_change(self) -> bool:
        """Whether there is something to do."""
        return bool(self.steps)


def understand(text: str, sections: Sequence[Section], *, is_order: bool = False) -> Understanding:
    """Return what `text` asks for on a page with `sections`.

    Args:
        text: a visitor's message, or a todo that a person wrote.
        sections: those on the page and those that are planned.
        is_order: whether the text is a todo: then it asks for something whatever its words.
    """
    text = plain(text)[:4_000].replace("’", "'")
    if not (is_order or _WISH.search(text)):
        return Understanding()
    if named := _RENAME.search(text):
        return Understanding(
            (Retitle(title=one_line(sentence_case(named["name"].strip(" '’")), 80) or "Page"),)
        )
    steps: list[Step] = []
    rest = text
    for pattern in (_REPLACE, _INSTEAD):
        exchange = pattern.search(rest)
        if exchange and (gone := _named(exchange["old"], sections)):
            left = [s for s in sections if s not in gone]
            new = _additions(exchange["new"], left, sure=True)
            if new.steps:
                return Understanding((*(RemoveSection(key=s.key) for s in gone), *new.steps)[:MAX_STEPS])
    for removal in _REMOVE.finditer(rest):
        steps += [RemoveSection(key=s.key) for s in _named(removal["what"], sections)]
    rest = _REMOVE.sub(" ", rest)
    look = look_in(rest)
    if not look.says_nothing:
        steps.append(Restyle(look=look))
    parts = [AddPart(part=part) for part, pattern in _PARTS if re.search(pattern, rest, re.I)]
    steps += parts
    if (is_order and not steps) or _ADD.search(rest):
        only_looks = bool(steps) and not finds_in(rest)
        found = Understanding() if only_looks else _additions(rest, sections, sure=is_order)
        steps += found.steps
        return Understanding(tuple(steps[:MAX_STEPS]), found.has_already)
    return Understanding(tuple(steps[:MAX_STEPS]))


def _additions(text: str, sections: Sequence[Section], *, sure: bool) -> Understanding:
    taken = [s.key for s in sections]
    finds = finds_in(text)
    if finds:
        tables_named = any(find.component.name == "records" for find in finds)
        wanted = [s for s in sections_for(text, taken) if s.component != "records" or tables_named]
        steps: list[Step] = []
        present: list[str] = []
        for new in wanted:
            same = [s for s in sections if s.component == new.component]
            alike = [s for s in same if s.title.lower() == new.title.lower()]
            if (alike or (same and not _differs(new, same))) and not _ANOTHER.search(text):
                present.append((alike or same)[0].title)
            else:
                steps.append(AddSection(section=new))
        return Understanding(tuple(steps), tuple(present))
    thing = _thing_in(text, sure=sure)
    if not thing:
        return Understanding()
    alike = [s for s in sections if s.title.lower() == thing.lower()]
    if alike and not _ANOTHER.search(text):
        return Understanding((), (alike[0].title,))
    fields = [w for w in attributes_in(text) if w.lower() not in thing.lower()]
    return Understanding((AddSection(section=records(thing, fields, taken)),))


def _differs(new: Section, same: Sequence[Section]) -> bool:
    """Whether a section of a kind that the page has is wanted for something else: a packing list beside a to-do list."""
    is_plain = any(new.title == variant.title for variant in COMPONENTS[new.component].variants[:1])
    known = {word for s in same for word in words(s.title.lower())}
    return not is_plain and bool(set(words(new.title.lower())) - known)


def _named(text: str, sections: Sequence[Section]) -> list[Section]:
    """Return the sections that `text` speaks of, by their headings or by what they are."""
    lowered = " ".join(words(text.lower()))
    by_title = [s for s in sections if (title := " ".join(words(s.title.lower()))) and title in lowered]
    if by_title:
        return by_title
    names = {find.component.name for find in finds_in(text)}
    by_kind = [s for s in sections if s.component in names]
    if by_kind:
        exact = [s for s in by_kind if set(words(s.title.lower())) & set(lowered.split())]
        return exact or by_kind
    told = {w for w in lowered.split() if len(w) > 3} - {"section", "page", "please", "part", "list"}
    return [s for s in sections if told & {w for w in words(s.title.lower()) if len(w) > 3}]


def _thing_in(text: str, *, sure: bool) -> str:
    """Return the thing that a wish names and no component was made for."""
    wished = re.search(
        r"\b(?:add|include|insert|create|build|put in|track|keep|need|want|would like|'d like|would love|how about|what about|"
        r"should have|could have|can have|could we have|missing|lacks?|feature:?)\b\s*(?P<rest>[^.;!?\n]*)",
        text,
        re.I,
    )
    if wished is None and not sure:
        return ""
    rest = wished["rest"] if wished else text
    first = next(iter(w.lower() for w in words(rest)), "")
    if first in _NO_THING and not (sure and not wished):
        return ""
    thing = kept_thing(
        re.split(r"\b(?:to|for|on|in|into|please|so|because|when|if)\b", rest, maxsplit=1, flags=re.I)[0]
    )
    thing = " ".join(thing.split()[:4])
    if not thing or any(w.lower() in _NO_THING for w in words(thing)):
        return ""
    return sentence_case(one_line(thing, 50))
