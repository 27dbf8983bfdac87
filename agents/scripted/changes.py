"""From a visitor's words to steps: sections to add or remove, and new names or looks."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.plan import (
    AddPart,
    AddSection,
    PageSection,
    Part,
    RemoveSection,
    Restyle,
    Retitle,
    Step,
)
from recursor.agents.scripted.recognition import attributes_in, finds_in, records, sections_for
from recursor.agents.scripted.style_request import look_in
from recursor.agents.scripted.vocabulary import NO_THING
from recursor.agents.scripted.wording import QUOTES, kept_thing, one_line, plain, sentence_case, words

# The most steps from one message: it is a request, not a new idea.
MAX_STEPS = 4
# The most characters read of a message.
READ_CHARACTERS = 4_000

_WISH = re.compile(
    r"\b(?:add|adding|include|insert|create|build|make|put|give|show|change|turn|switch|set|use|replace|swap"
    r"|wants?|needs?|would like|'d like|would love|would be (?:nice|great|good)|should|could|can|please"
    r"|missing|lacks?|how about|what about|let's have|let us have|improve|update|rename|call|remove|delete"
    r"|drop|instead|feature|wish)\b",
    re.I,
)
_ADD = re.compile(
    r"\b(?:add|adding|include|insert|create|build|put|give (?:me|us)|show(?: me| us)?|wants?|needs?"
    r"|would like|'d like|would love|how about|what about|have|has|having|track|keep|missing|lacks?|with"
    r"|make|feature|use)\b",
    re.I,
)
_WISHED_THING = re.compile(
    r"\b(?:add|include|insert|create|build|put in|track|keep|need|want|would like|'d like|would love"
    r"|how about|what about|should have|could have|can have|could we have|missing|lacks?|feature:?)\b"
    r"\s*(?P<rest>[^.;!?\n]*)",
    re.I,
)
_TABLE = re.compile(r"\b(?:keep track|track|lists?|log|register|table|place|records?) ?(?:of|for)?\b", re.I)
_THING_ENDS = re.compile(r"\b(?:to|for|on|in|into|please|so|because|when|if)\b", re.I)
_REMOVE = re.compile(
    r"\b(?:remove|delete|drop|get rid of|take (?:away|out|off)|hide|without|throw out|no more"
    r"|no longer (?:need|want)|(?:do not|don't) (?:need|want))\b\s*(?P<what>[^.;!?\n]*)",
    re.I,
)
_REPLACE = re.compile(
    r"\b(?:replace|swap|exchange|change)\s+(?P<old>[^.;!?\n]{1,100}?)"
    r"\s+(?:with|by|for|into)\s+(?P<new>[^.;!?\n]+)",
    re.I,
)
_INSTEAD = re.compile(
    r"(?P<new>[^.;!?\n]{1,100}?)\s+(?:instead of|rather than|in place of)\s+(?P<old>[^.;!?\n]+)", re.I
)
_RENAME = re.compile(
    r"\b(?:rename (?:it|this|the (?:page|app|site|project))(?: to| into)?"
    r"|call (?:it|this|the (?:page|app|site|project))"
    r"|(?:change|set|make) (?:the |its |my |our )?(?:title|name|heading|headline)"
    r"(?: of (?:it|this|the page))? (?:to|into)"
    rf"|(?:new|better) (?:title|name):)\s*[{QUOTES}]?(?P<name>[^“”«»\"\n.!?]{{1,80}})",
    re.I,
)
_ANOTHER = re.compile(r"\b(?:another|second|third|additional|one more|new|extra|separate|own)\b", re.I)
_PARTS: tuple[tuple[Part, re.Pattern[str]], ...] = (
    (
        Part.BACKUP,
        re.compile(
            r"\b(?:export|import|back ?up|download (?:my|the|all|our) (?:data|entries)"
            r"|save (?:it |my data |the data |everything )?(?:to|as) a file|json)\b",
            re.I,
        ),
    ),
    (
        Part.NAVIGATION,
        re.compile(
            r"\b(?:navigation|nav ?bar|menu bar|table of contents|links to (?:the )?sections|jump to)\b", re.I
        ),
    ),
    (
        Part.GUIDE,
        re.compile(
            r"\b(?:instructions|help text|how[ -]to|guide|tutorial|explanations?|manual|tooltips?)\b", re.I
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """The request understood from a text."""

    steps: tuple[Step, ...] = ()
    has_already: tuple[str, ...] = ()
    """Headings of requested sections that the page already has."""

    @property
    def is_change(self) -> bool:
        """Whether there is something to do."""
        return bool(self.steps)


def understand(text: str, sections: Sequence[PageSection], *, is_order: bool = False) -> Understanding:
    """Return the request in `text` for a page with `sections`.

    Args:
        text: a visitor's message, or a todo that a person wrote.
        sections: the existing and the planned sections.
        is_order: whether the text is a todo: then it is a request, whatever its words.
    """
    text = plain(text)[:READ_CHARACTERS].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if not (is_order or _WISH.search(text)):
        return Understanding()
    if (named := _RENAME.search(text)) and (name := named["name"].strip(f" {QUOTES}")):
        return Understanding((Retitle(title=one_line(sentence_case(name), 80)),))
    if exchange := _exchange(text, sections):
        return exchange
    steps: list[Step] = [
        RemoveSection(key=section.key)
        for removal in _REMOVE.finditer(text)
        for section in _named(removal["what"], sections)
    ]
    rest = _REMOVE.sub(" ", text)
    look = look_in(rest)
    if not look.says_nothing:
        steps.append(Restyle(look=look))
    steps += [AddPart(part=part) for part, pattern in _PARTS if pattern.search(rest)]
    # "Add a dark mode" names no section: the words left after the looks are nothing to build.
    may_add = _ADD.search(rest) and (not steps or finds_in(rest))
    if may_add or (is_order and not steps):
        added = _additions(rest, sections, sure=is_order)
        return Understanding((*steps, *added.steps)[:MAX_STEPS], added.has_already)
    return Understanding(tuple(steps[:MAX_STEPS]))


def describe(step: Step, sections: Iterable[PageSection]) -> str:
    """Return a step in the words of a todo."""
    if isinstance(step, AddSection):
        return f"Build “{step.section.title}”: {COMPONENTS[step.section.component].does}"
    if isinstance(step, RemoveSection):
        title = next((section.title for section in sections if section.key == step.key), step.key)
        return f"Remove “{title}”"
    if isinstance(step, Retitle):
        return f"Call the page “{step.title}”"
    if isinstance(step, AddPart):
        return _PART_TODOS[step.part]
    if isinstance(step, Restyle):
        return f"Give the page {_looks(step)}"
    return "Make the page anew"


_PART_TODOS = {
    Part.BACKUP: "Add export and import of all that visitors enter",
    Part.NAVIGATION: "Add links to the sections at the top",
    Part.GUIDE: "Add a short guide to every section",
}


def _looks(step: Restyle) -> str:
    look, said = step.look, []
    if look.mode:
        said.append(f"{look.mode} colours")
    if look.hue is not None:
        said.append("another main colour")
    if look.face:
        said.append(f"a {look.face} typeface")
    if look.scale:
        said.append("larger text" if look.scale > 1 else "smaller text")
    if look.layout:
        said.append(f"the {look.layout} layout")
    return ", ".join(said) or "the looks it has"


def _exchange(text: str, sections: Sequence[PageSection]) -> Understanding | None:
    """Parse "replace the notes with a calendar" and "a calendar instead of the notes"."""
    for pattern in (_REPLACE, _INSTEAD):
        exchange = pattern.search(text)
        if exchange and (gone := _named(exchange["old"], sections)):
            left = [section for section in sections if section not in gone]
            new = _additions(exchange["new"], left, sure=True)
            if new.steps:
                removed = (RemoveSection(key=section.key) for section in gone)
                return Understanding((*removed, *new.steps)[:MAX_STEPS])
    return None


def _additions(text: str, sections: Sequence[PageSection], *, sure: bool) -> Understanding:
    """Return the sections to add for `text`: named components, else a table for the named thing."""
    taken = [section.key for section in sections]
    another = _ANOTHER.search(text) is not None
    finds = finds_in(text)
    if not finds:
        thing = _thing_in(text, sure=sure) if _TABLE.search(text) else ""
        if not thing:
            return Understanding()
        if not another and (alike := [s.title for s in sections if s.title.lower() == thing.lower()]):
            return Understanding((), (alike[0],))
        fields = [phrase for phrase in attributes_in(text) if phrase.lower() not in thing.lower()]
        return Understanding((AddSection(section=records(thing, fields, taken)),))
    named = {find.component.name for find in finds}
    steps: list[Step] = []
    present: list[str] = []
    for new in sections_for(text, taken):
        # The words left beside the components are more often prose than a thing to keep.
        if new.component == "records" and not named & {"records", "cards"}:
            continue
        same = [section for section in sections if section.component == new.component]
        if same and not another and not _is_for_something_else(new, same):
            present.append(same[0].title)
        else:
            steps.append(AddSection(section=new))
    return Understanding(tuple(steps), tuple(present))


def _is_for_something_else(new: PageSection, same: Sequence[PageSection]) -> bool:
    """Whether a section of an existing kind is a different one: a packing list beside a to-do list."""
    is_plain = new.title == COMPONENTS[new.component].variants[0].title
    known = {word for section in same for word in words(section.title.lower())}
    return not is_plain and bool(set(words(new.title.lower())) - known)


def _named(text: str, sections: Sequence[PageSection]) -> list[PageSection]:
    """Return the sections mentioned in `text`, by their headings or kinds."""
    told = words(text.lower())
    line = f" {' '.join(told)} "
    if by_title := [s for s in sections if f" {' '.join(words(s.title.lower()))} " in line]:
        return by_title
    names = {find.component.name for find in finds_in(text)}
    if by_kind := [section for section in sections if section.component in names]:
        return [s for s in by_kind if set(words(s.title.lower())) & set(told)] or by_kind
    telling = {word for word in told if len(word) > 3} - {"section", "page", "please", "part", "list"}
    return [section for section in sections if telling & set(words(section.title.lower()))]


def _thing_in(text: str, *, sure: bool) -> str:
    """Return the thing named in a request for which there is no component; empty if there is none."""
    wished = _WISHED_THING.search(text)
    if wished is None and not sure:
        return ""
    rest = wished["rest"] if wished else text
    first = next(iter(words(rest.lower())), "")
    if wished and first in NO_THING:
        return ""
    thing = " ".join(kept_thing(_THING_ENDS.split(rest, maxsplit=1)[0]).split()[:4])
    if any(word in NO_THING for word in words(thing.lower())):
        return ""
    return sentence_case(one_line(thing, 50))
