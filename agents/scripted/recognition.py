"""From a person's words to sections: what is asked for, under which heading, with which fields."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import JsonValue

from recursor.agents.scripted.components import COMPONENTS, Component, Variant
from recursor.agents.scripted.plan import Section
from recursor.agents.scripted.wording import kept_thing, one_line, plain, sentence_case, slug, words

# An idea is read this far: what is most important comes first, and an idea of a whole book still takes milliseconds.
READ_CHARACTERS = 4_000
# A first version has no more sections than this, however much the idea mentions.
MAX_FROM_IDEA = 7
# What is kept without being recognised: at most this many tables.
MAX_GENERAL = 2

_CLAUSE = re.compile(
    r"[,;:.!?\n()\[\]]|\s[-–—]\s|\b(?:with|and|plus|or|including|as well as|also|where|that|which|so that|who can)\b",
    re.I,
)
# Words that say nothing of what a list, a chart or a table is of.
_DULL = frozenset(
    [
        "a",
        "an",
        "the",
        "my",
        "our",
        "your",
        "his",
        "her",
        "their",
        "this",
        "that",
        "these",
        "those",
        "some",
        "any",
        "each",
        "every",
        "all",
        "own",
        "simple",
        "small",
        "nice",
        "beautiful",
        "modern",
        "little",
        "great",
        "good",
        "cool",
        "easy",
        "basic",
        "minimal",
        "minimalist",
        "personal",
        "online",
        "new",
        "fancy",
        "clean",
        "quick",
        "tiny",
        "pretty",
        "lovely",
        "clear",
        "another",
        "more",
        "extra",
        "second",
        "add",
        "make",
        "build",
        "create",
        "want",
        "need",
        "have",
        "show",
        "shows",
        "track",
        "tracks",
        "keep",
        "keeps",
        "see",
        "use",
        "using",
        "for",
        "of",
        "in",
        "on",
        "to",
        "from",
        "by",
        "per",
        "as",
        "is",
        "are",
        "be",
        "i",
        "we",
        "you",
        "it",
        "me",
        "us",
        "please",
        "with",
        "and",
        "or",
        "not",
        "no",
        "also",
        "plus",
        "get",
        "give",
        "gets",
        "can",
        "could",
        "should",
        "would",
        "like",
        "lets",
        "let",
        "interactive",
        "digital",
        "integrated",
        "dark",
        "light",
        "built-in",
        "optional",
        "custom",
        "customizable",
        "private",
        "offline",
        "local",
        "single",
        "first",
        "then",
        "when",
        "where",
        "what",
        "how",
        "do",
        "does",
        "has",
        "having",
        "into",
        "at",
        "about",
        "out",
        "up",
        "their",
        "its",
        "e",
        "g",
    ]
)
_KEEPING = re.compile(
    r"\b(?:keep(?:ing)? track of|track(?:ing|s)?|manag(?:e|es|ing)|organi[sz](?:e|es|ing)|catalogu?(?:e|es|ing)?|collect(?:s|ing)?|"
    r"(?:list|log|record|inventory|collection|database|directory|register|archive|overview) of|record(?:s|ing)?|log(?:s|ging)?)\s+"
    r"(?P<rest>[^,;:.!?\n()]+)",
    re.I,
)
# What a table's field is taken for, by its word.
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "date": ("date", "day", "birthday", "deadline", "due", "when"),
    "time": ("time", "hour"),
    "number": ("year", "price", "cost", "amount", "quantity", "number", "count", "age", "weight", "height", "size",
               "length", "width", "distance", "duration", "pages", "score", "total", "value"),
    "rating": ("rating", "stars", "grade"),
    "longtext": ("description", "details", "notes", "comment", "comments", "remarks", "review", "story"),
    "url": ("url", "link", "website"),
    "email": ("email", "e-mail"),
    "tel": ("phone", "telephone"),
    "text": ("name", "title", "author", "artist", "genre", "category", "type", "kind", "colour", "color", "brand",
             "model", "species", "breed", "location", "place", "city", "country", "address", "status", "owner",
             "label", "format", "material", "mood", "subject", "topic", "teacher", "variety", "origin", "publisher",
             "director", "language"),
}  # fmt: skip
_TYPE_OF = {word: kind for kind, names in _ATTRIBUTES.items() for word in names}
# What people ask of any page: nothing to make a table of.
_NOT_KEPT = frozenset(
    [
        "design",
        "theme",
        "ui",
        "ux",
        "interface",
        "look",
        "layout",
        "colours",
        "colors",
        "mode",
        "animation",
        "animations",
        "dashboard",
        "friends",
        "family",
        "people",
        "users",
        "user",
        "team",
        "everyone",
        "data",
        "page",
        "app",
        "website",
        "responsive",
        "mobile",
        "desktop",
        "phone",
        "browser",
        "button",
        "buttons",
        "search",
        "filter",
        "filters",
        "export",
        "import",
        "backup",
        "storage",
        "support",
        "features",
        "feature",
        "option",
        "options",
        "way",
        "style",
        "fun",
        "everything",
        "things",
        "stuff",
        "fields",
        "columns",
        "sections",
        "help",
        "test",
        "idea",
        "ideas",
        "progress",
        "day",
        "week",
        "month",
        "year",
        "time",
        "storage",
        "tags",
        "persistence",
        "undo",
        "sound",
        "sounds",
    ]
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
    """Return the components that `text` names, in the order of their first mention, none that overlap."""
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
        if find.weak and any(_same_clause(lowered, find, other) for other in taken):
            continue
        taken.append(find)
    return tuple(sorted(taken, key=lambda find: find.start))


def sections_for(text: str, taken: Iterable[str] = (), *, most: int = MAX_FROM_IDEA) -> tuple[Section, ...]:
    """Return the sections that `text` asks for: components it names, and tables for what else it keeps.

    Args:
        text: an idea, or a wish for a page that has some sections already.
        taken: keys that are in use on the page.
        most: the number of sections at most.
    """
    text = plain(text)[:READ_CHARACTERS]
    finds = finds_in(text)
    keys = set(taken)
    sections: list[Section] = []
    seen: set[tuple[str, str]] = set()
    for find in finds:
        title = _heading(text, find, finds)
        one_of_a_kind = find.component.name in (
            "calculator",
            "converter",
            "chart",
            "editor",
            "board",
            "memory",
        )
        kind = (find.component.name, "" if one_of_a_kind else find.variant.title)
        if kind in seen:
            continue
        seen.add(kind)
        sections.append(section(find.component.name, title, dict(find.variant.options), keys))
        keys.add(sections[-1].key)
    for title, fields in _kept(text, finds)[:MAX_GENERAL]:
        sections.append(records(title, fields, keys))
        keys.add(sections[-1].key)
    if _kept_first(text, finds) and len(sections) > 1 and sections[-1].component == "records":
        sections.insert(0, sections.pop())
    return tuple(sections[:most])


def companion_for(only: Section) -> Section | None:
    """Return a section that goes well with a page's only one."""
    name = COMPONENTS[only.component].companion
    if name is None:
        return None
    variant = COMPONENTS[name].variants[0]
    return section(name, variant.title, dict(variant.options), {only.key})


def section(component: str, title: str, options: dict[str, JsonValue], taken: Iterable[str] = ()) -> Section:
    """Return a section with a key that is none of `taken`, made of its component and heading."""
    base = slug(title) or component
    if not base.startswith(component):
        base = f"{component}-{base}"
    base, in_use, number = base[:50].strip("-"), set(taken), 2
    key = base
    while key in in_use:
        key, number = f"{base}-{number}", number + 1
    return Section(key=key, component=component, title=one_line(title, 80), options=options)


def records(title: str, fields: Sequence[str] = (), taken: Iterable[str] = ()) -> Section:
    """Return a table for things that no component was made for."""
    thing = one_line(title, 40).lower()
    made: list[JsonValue] = [{"name": "name", "label": "Name", "type": "text", "required": True}]
    for word in fields:
        name = slug(word)
        if (
            name
            and name[0].isalpha()
            and name != "name"
            and all(name != f["name"] for f in made if isinstance(f, dict))
        ):
            made.append({"name": name, "label": one_line(sentence_case(word), 40), "type": field_type(word)})
    if len(made) == 1:
        made.append({"name": "date", "label": "Date", "type": "date"})
    if not any(isinstance(f, dict) and f["type"] == "longtext" for f in made):
        made.append({"name": "details", "label": "Details", "type": "longtext"})
    return section("records", title, {"fields": made[:8], "thing": thing}, taken)


def field_type(word: str) -> str:
    """Return the type of field for values that are called `word`."""
    for part in reversed(word.lower().split()):
        if kind := _TYPE_OF.get(part) or _TYPE_OF.get(part.removesuffix("s")):
            return kind
    return "text"


def attributes_in(text: str) -> list[str]:
    """Return the words of `text` that name a value of something: "with artist, year and rating"."""
    return [
        word
        for clause in _clauses_without(text, ())[1:]
        if (word := " ".join(w for w in words(clause) if w.lower() not in _DULL)) and _is_attribute(word)
    ]


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Component, Variant, bool], ...]:
    found = []
    for component in COMPONENTS.values():
        for variant in component.variants:
            for names, weak in ((variant.keywords, False), (variant.weak, True)):
                if names:
                    alternatives = "|".join(
                        re.sub(r"(?:\\?[ -])+", r"[\\s-]+", re.escape(name))
                        for name in sorted(names, key=len, reverse=True)
                    )
                    pattern = re.compile(rf"(?<![\w-])(?:{alternatives})(?:s|es)?(?![\w])")
                    found.append((pattern, component, variant, weak))
    return tuple(found)


def _same_clause(text: str, one: Find, other: Find) -> bool:
    first, second = sorted((one, other), key=lambda find: find.start)
    return not _CLAUSE.search(text[first.end : second.start])


def _heading(text: str, find: Find, finds: Sequence[Find]) -> str:
    """Name a section by the words around its keyword: "packing list", "chart of sales"."""
    if find.variant.keeps_title:
        return find.variant.title
    previous_end = max((other.end for other in finds if other.end <= find.start), default=0)
    before = _CLAUSE.split(text[previous_end : find.start])[-1]
    named = before.split()
    lead: list[str] = []
    while named and len(lead) < 2 and named[-1].lower().strip("'\"’") not in _DULL and words(named[-1]):
        lead.insert(0, named.pop())
    keyword = text[find.start : find.end]
    next_start = min((other.start for other in finds if other.start >= find.end), default=len(text))
    after = _CLAUSE.split(text[find.end : next_start])[0]
    tail = ""
    if follows := re.match(r"\s+(?:of|about|on)\s+(?:my |our |the |all )?((?:\S+ ?){1,3})", after):
        named_after = [w for w in follows[1].split() if w.lower() not in _DULL][:3]
        tail = " of " + " ".join(named_after) if named_after else ""
    if not lead and not tail:
        return find.variant.title
    return sentence_case(one_line(" ".join([*lead, keyword]).lower() + tail, 60))


def _kept(text: str, finds: Sequence[Find]) -> list[tuple[str, list[str]]]:
    """Return what the text wants kept and no component was made for, each with the fields it names."""
    clauses = _clauses_without(text, finds)
    fields = [
        word
        for clause in clauses[1:]
        if (word := " ".join(w for w in words(clause) if w.lower() not in _DULL)) and _is_attribute(word)
    ]
    kept: list[str] = []
    for match in _KEEPING.finditer(text):
        inside = match.start("rest")
        if any(inside <= find.start < match.end() for find in finds):
            continue
        kept.append(_CLAUSE.split(match["rest"])[0])
    if not finds and not kept:
        kept = [clause for clause in clauses if not _is_attribute(clause.strip())][:1] or [text]
    listed = re.search(r"\b(?:with|including|features?:?)\b(?P<rest>[^.!?\n]*)", text, re.I)
    if listed and len(text) <= 400:
        for clause in _clauses_without(text, finds, listed.start("rest"), listed.end()):
            named = [w for w in words(clause) if w.lower() not in _DULL]
            if 1 <= len(named) <= 3 and not _is_attribute(" ".join(named)):
                kept.append(" ".join(named))
    titles: list[str] = []
    for clause in kept:
        title = sentence_case(one_line(kept_thing(clause), 50))
        if not title or any(word.lower() in _NOT_KEPT for word in words(title)[-1:]):
            continue
        if title.lower() not in (t.lower() for t in titles):
            titles.append(title)
    if not titles and not finds:
        titles = [sentence_case(one_line(kept_thing(text), 50)) or "Entries"]
    return [(title, fields if index == 0 else []) for index, title in enumerate(titles)]


def _kept_first(text: str, finds: Sequence[Find]) -> bool:
    match = _KEEPING.search(text)
    return match is not None and (not finds or match.start() < finds[0].start)


def _clauses_without(text: str, finds: Sequence[Find], start: int = 0, end: int | None = None) -> list[str]:
    """Return the clauses of a part of `text` in which no component was found."""
    end = len(text) if end is None else end
    clauses: list[tuple[int, int]] = []
    at = start
    for cut in _CLAUSE.finditer(text, start, end):
        clauses.append((at, cut.start()))
        at = cut.end()
    clauses.append((at, end))
    return [
        text[a:b]
        for a, b in clauses
        if text[a:b].strip() and not any(find.start < b and a < find.end for find in finds)
    ]


def _is_attribute(phrase: str) -> bool:
    named = [word.lower() for word in words(phrase) if word.lower() not in _DULL]
    return 0 < len(named) <= 3 and (named[-1] in _TYPE_OF or named[-1].removesuffix("s") in _TYPE_OF)
