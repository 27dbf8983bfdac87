"""From a person's words to sections, with headings and fields."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import JsonValue

from recursor.agents.scripted.components import COMPONENTS, Component, Variant
from recursor.agents.scripted.plan import PageSection
from recursor.agents.scripted.vocabulary import DULL, LEAD_IN, MEDIA, NOT_KEPT, field_type, is_beyond
from recursor.agents.scripted.wording import kept_thing, one_line, plain, sentence_case, slug, words

# The most characters read of an idea: the most important comes first, and a book takes no longer.
READ_CHARACTERS = 4_000
# The most sections of a first version, however long the idea.
MAX_FROM_IDEA = 7
# The most tables for things without a component.
MAX_GENERAL = 2
# From this many named values on, a collection is a table.
FIELDS_OF_A_TABLE = 2

# One of these on a page is enough, whatever its heading.
_ONE_OF_A_KIND = ("calculator", "converter", "chart", "editor", "board", "memory")
CLAUSE = re.compile(
    r"[,;:.!?\n()\[\]]|\s[-\N{EN DASH}—]\s"
    r"|\b(?:with|and|plus|or|including|as well as|also|where|that|which|so that|who can)\b",
    re.I,
)
_KEEPING = re.compile(
    r"\b(?:keep(?:ing)? track of|track(?:ing|s)?|catalogu?(?:e|es|ing)?|(?:list|log|register|table) of)"
    r"\s+(?P<rest>[^,;:.!?\n()]+)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Find:
    """A component found in a text."""

    component: Component
    variant: Variant
    start: int
    end: int
    weak: bool


def finds_in(text: str) -> tuple[Find, ...]:
    """Return the components named in `text`, in order of first mention, without overlaps."""
    lowered = text.lower()
    candidates = [
        Find(component, variant, match.start(), match.end(), weak)
        for pattern, component, variant, weak in _patterns()
        for match in pattern.finditer(lowered)
    ]
    candidates.sort(key=lambda find: (find.weak, find.start - find.end, find.start))
    taken: list[Find] = []
    for find in candidates:
        if any(find.start < other.end and other.start < find.end for other in taken):
            continue
        if find.weak and any(_in_one_clause(lowered, find, other) for other in taken):
            continue
        taken.append(find)
    taken = [find for find in taken if not _is_something_else(lowered, find, taken)]
    return tuple(sorted(taken, key=lambda find: find.start))


def sections_for(
    text: str, taken: Iterable[str] = (), *, most: int = MAX_FROM_IDEA
) -> tuple[PageSection, ...]:
    """Return the requested sections: named components, and tables for other things to keep.

    Args:
        text: an idea, or a request for an existing page.
        taken: keys in use on the page.
        most: the most sections.
    """
    text = plain(text)[:READ_CHARACTERS]
    finds = finds_in(text)
    fields = attributes_in(text, finds)
    keys = set(taken)
    sections: list[PageSection] = []
    seen: set[tuple[str, str]] = set()
    for find in finds:
        name = find.component.name
        kind = (name, "" if name in _ONE_OF_A_KIND else find.variant.title)
        if kind in seen:
            continue
        seen.add(kind)
        title = _heading(text, find, finds)
        is_table = name == "records" or (name == "cards" and find.variant is find.component.variants[0])
        if is_table and find.variant.options.get("thing") != "contact" and len(fields) >= FIELDS_OF_A_TABLE:
            new = records(title, fields, keys)
        elif name == "records" and not find.variant.options:
            new = records(title, (), keys)
        else:
            new = section(name, title, dict(find.variant.options), keys)
        sections.append(new)
        keys.add(new.key)
    kept = _kept(text, finds)[:MAX_GENERAL]
    tables = [records(title, fields if not index else (), keys) for index, title in enumerate(kept)]
    keeping = _KEEPING.search(text)
    goes_first = keeping is not None and (not finds or keeping.start() < finds[0].start)
    return tuple((tables + sections if goes_first else sections + tables)[:most])


def section(
    component: str, title: str, options: dict[str, JsonValue], taken: Iterable[str] = ()
) -> PageSection:
    """Return a section with a new key, made from its component and heading."""
    base = slug(title) or component
    if not base.startswith(component):
        base = f"{component}-{base}"
    heading = one_line(title, 80) or COMPONENTS[component].variants[0].title
    base, in_use, number = base[:50].strip("-"), set(taken), 2
    key = base
    while key in in_use:
        key, number = f"{base}-{number}", number + 1
    return PageSection(key=key, component=component, title=heading, options=options)


def records(title: str, fields: Sequence[str] = (), taken: Iterable[str] = ()) -> PageSection:
    """Return a table for things without a component."""
    made: dict[str, JsonValue] = {"name": {"name": "name", "label": "Name", "type": "text", "required": True}}
    for phrase in fields:
        name = slug(phrase)
        if name[:1].isalpha() and name not in made:
            label = one_line(sentence_case(phrase), 40)
            made[name] = {"name": name, "label": label, "type": field_type(phrase) or "text"}
    if len(made) == 1:
        made["date"] = {"name": "date", "label": "Date", "type": "date"}
    if not any(field_type(name) == "longtext" for name in made):
        made["details"] = {"name": "details", "label": "Details", "type": "longtext"}
    options: dict[str, JsonValue] = {"fields": list(made.values())[:8]}
    return section("records", title, options, taken)


def attributes_in(text: str, finds: Sequence[Find] = ()) -> list[str]:
    """Return the words of `text` that name values: "with artist, year and rating"."""
    phrases = (_telling(clause) for clause in _clauses_without(text, finds)[not finds :])
    return [phrase for phrase in phrases if phrase and len(phrase.split()) <= 3 and field_type(phrase)]


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Component, Variant, bool], ...]:
    found = []
    for component in COMPONENTS.values():
        for variant in component.variants:
            for names, weak in ((variant.keywords, False), (variant.weak, True)):
                if names:
                    longest_first = sorted(names, key=len, reverse=True)
                    alternatives = "|".join(
                        r"[\s-]+".join(map(re.escape, re.split(r"[ -]+", n))) for n in longest_first
                    )
                    pattern = re.compile(rf"(?<![\w-])(?:{alternatives})(?:s|es)?(?!\w)")
                    found.append((pattern, component, variant, weak))
    return tuple(found)


def _in_one_clause(text: str, one: Find, other: Find) -> bool:
    first, second = sorted((one, other), key=lambda find: find.start)
    return not CLAUSE.search(text[first.end : second.start])


def lead_of(text: str, find: Find, finds: Sequence[Find]) -> tuple[int, int]:
    """Return where the words right before a keyword stand, two at most: "weekly" of "weekly chart".

    The span is empty where there are none.
    """
    previous_end = max((other.end for other in finds if other.end <= find.start), default=0)
    cuts = list(CLAUSE.finditer(text, previous_end, find.start))
    lead = [
        word
        for word in re.finditer(r"\S+", text[: find.start])
        if word.start() >= (cuts[-1].end() if cuts else previous_end)
    ]
    begin = find.start
    for word in reversed(lead[-2:]):
        if not words(word[0]) or word[0].lower() in DULL:
            break
        begin = word.start()
    return begin, find.start


def tail_of(text: str, find: Find, finds: Sequence[Find]) -> tuple[int, int]:
    """Return the position of the words right after a keyword that name its subject: "list of birds"."""
    next_start = min((other.start for other in finds if other.start >= find.end), default=len(text))
    after = CLAUSE.split(text[find.end : next_start])[0]
    follows = re.match(r"\s+(?:of|about|on|for)\s+(?:\S+ ?){1,5}", after)
    return find.end, find.end + (follows.end() if follows else 0)


def _heading(text: str, find: Find, finds: Sequence[Find]) -> str:
    """Name a section by the words around its keyword: "packing list", "chart of sales"."""
    if find.component.own_name:
        return find.variant.title
    # "Multiplayer quiz" would promise more than a quiz.
    lead = [word for word in text[slice(*lead_of(text, find, finds))].split() if not is_beyond(word)]
    tail: list[str] = []
    if follows := re.match(r"\s+(of|about|on)\s+(.+)", text[slice(*tail_of(text, find, finds))]):
        told = [word for word in follows[2].split()[:4] if word.lower() not in DULL and not is_beyond(word)][
            :3
        ]
        tail = [follows[1], *told] if told else []
    if not lead and not tail:
        return find.variant.title
    return sentence_case(one_line(" ".join([*lead, text[find.start : find.end].lower(), *tail]), 60))


def _is_something_else(text: str, find: Find, finds: Sequence[Find]) -> bool:
    """Whether a word before a keyword changes its meaning: a currency converter, a photo gallery."""
    lead = words(text[slice(*lead_of(text, find, finds))].lower())
    # No component supports these: a gallery of words would replace a photo gallery.
    if any(word.removesuffix("s") in MEDIA for word in lead):
        return True
    if not find.component.only_itself:
        return False
    return any(word not in LEAD_IN and word not in find.component.covers for word in lead)


def kept_in(text: str, finds: Sequence[Find]) -> list[tuple[int, int]]:
    """Return where a text names things to keep for which there is no component."""
    found = []
    for match in _KEEPING.finditer(text):
        if any(match.start() < find.end and find.start < match.end() for find in finds):
            continue
        end = match.start("rest") + len(CLAUSE.split(match["rest"])[0])
        found.append((match.start(), end))
    return found


def _kept(text: str, finds: Sequence[Find]) -> list[str]:
    """Return headings for things to keep for which there is no component."""
    titles: list[str] = []
    for start, end in kept_in(text, finds):
        title = sentence_case(one_line(kept_thing(text[start:end]), 50))
        is_new = title.lower() not in (other.lower() for other in titles)
        if title and is_new and not any(word.lower() in NOT_KEPT for word in words(title)[-1:]):
            titles.append(title)
    return titles


def _clauses_without(text: str, finds: Sequence[Find], start: int = 0, end: int | None = None) -> list[str]:
    """Return the clauses of a part of `text` without a component."""
    end = len(text) if end is None else end
    cuts = list(CLAUSE.finditer(text, start, end))
    begins = [start, *(cut.end() for cut in cuts)]
    ends = [*(cut.start() for cut in cuts), end]
    return [
        text[a:b]
        for a, b in zip(begins, ends, strict=True)
        if text[a:b].strip() and not any(find.start < b and a < find.end for find in finds)
    ]


def _telling(clause: str) -> str:
    return " ".join(word for word in words(clause) if word.lower() not in DULL)


def _is_attribute(clause: str) -> bool:
    phrase = _telling(clause)
    return 0 < len(phrase.split()) <= 3 and field_type(phrase) is not None
