"""Words out of a person's text: clean, cut, named. Nothing here knows what a component is."""

import re
import unicodedata

# Words that say that something is wanted, not what: they never begin a title.
_LEAD_IN = frozenset(
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
        "i",
        "we",
        "you",
        "me",
        "us",
        "it",
        "its",
        "is",
        "are",
        "be",
        "please",
        "hi",
        "hello",
        "hey",
        "just",
        "want",
        "wants",
        "wanted",
        "need",
        "needs",
        "like",
        "would",
        "could",
        "can",
        "should",
        "may",
        "will",
        "shall",
        "id",
        "i'd",
        "let",
        "lets",
        "let's",
        "build",
        "make",
        "create",
        "design",
        "develop",
        "write",
        "code",
        "give",
        "have",
        "get",
        "show",
        "help",
        "helps",
        "helping",
        "allow",
        "allows",
        "to",
        "for",
        "of",
        "in",
        "on",
        "at",
        "by",
        "with",
        "about",
        "which",
        "who",
        "where",
        "when",
        "how",
        "app",
        "application",
        "website",
        "site",
        "web",
        "page",
        "webpage",
        "tool",
        "program",
        "software",
        "something",
        "thing",
        "things",
        "one",
        "single",
        "track",
        "tracks",
        "tracking",
        "keep",
        "keeps",
        "keeping",
        "manage",
        "manages",
        "managing",
        "organise",
        "organises",
        "organize",
        "organizes",
        "collect",
        "collects",
        "record",
        "logs",
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
        "and",
        "also",
        "plus",
        "another",
        "more",
        "using",
        "use",
        "used",
        "so",
        "do",
        "does",
        "really",
        "very",
        "add",
        "include",
        "put",
    ]
)
# Words that a page is called by, whatever it is about: they never end the name of what it keeps.
_APP_NOUNS = frozenset(
    [
        "app",
        "application",
        "tool",
        "page",
        "website",
        "site",
        "tracker",
        "manager",
        "helper",
        "assistant",
        "companion",
        "system",
        "dashboard",
        "organiser",
        "organizer",
        "keeper",
        "log",
        "planner",
        "database",
        "software",
        "program",
        "portal",
        "platform",
        "hub",
    ]
)
_CUT = re.compile(
    r"\b(?:with|that|which|where|who|so|including|includes|featuring|because|using|plus|as well as|called|named)\b|[,;:()\[\]{}<>]|\s[-–—]\s",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?\n。！？]+(?:\s|$)|\n")
_CALLED = re.compile(
    r"\b(?:call(?:ed)?(?: it)?|name(?:d)?(?: it)?|titled)\s+[\"'“‘«]?(?P<name>[^\"'”’»,;.!?\n]{2,60})", re.I
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

MAX_TITLE = 60


def plain(text: str) -> str:
    """Return `text` without characters that no page may hold: controls, surrogates, noncharacters."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if c in "\n\t" or not _forbidden(c))


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line, cut at a word where it is longer than `limit` characters."""
    line = " ".join(plain(text).split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > limit // 2 else head).rstrip(" ,;:-") + "…"


def words(text: str) -> list[str]:
    """Return the words of `text` as they are written."""
    return _WORD.findall(text)


def sentence_case(text: str) -> str:
    """Return `text` with a capital first letter, the rest as it is written."""
    return text[:1].upper() + text[1:]


def title_of(text: str, fallback: str) -> str:
    """Return a name for what `text` describes: the name it gives, else its first noun phrase.

    Args:
        text: a person's idea, any language, any length.
        fallback: the name when the text has not one word.
    """
    text = plain(text)
    if called := _CALLED.search(text):
        return sentence_case(one_line(called["name"], MAX_TITLE))
    for sentence in _SENTENCE_END.split(text):
        named = noun_phrase(sentence, most=7)
        if named:
            return sentence_case(one_line(named, MAX_TITLE))
    return sentence_case(one_line(fallback, MAX_TITLE)) or "Notebook"


def noun_phrase(text: str, most: int) -> str:
    """Return the first words of `text` that name something, at most `most`; empty when there are none."""
    rest = text.strip()
    while (first := _WORD.match(rest)) and first[0].lower().replace("’", "'") in _LEAD_IN:
        rest = rest[first.end() :].lstrip(" \t\"'“”‘’,.:;!?-")
    if not rest or not _WORD.match(rest):
        found = _WORD.search(rest)
        if found is None:
            return ""
        rest = rest[found.start() :]
    phrase = _CUT.split(rest, maxsplit=1)[0].strip()
    named = phrase.split()[:most]
    while named and named[-1].lower().strip("'’\".") in _LEAD_IN:
        named.pop()
    return " ".join(named).strip(" .,;:!?'’\"“”-")


def kept_thing(text: str) -> str:
    """Return what `text` wants kept, without the word for the page that keeps it: "plant care app" → "plant care"."""
    named = noun_phrase(text, most=5).split()
    while len(named) > 1 and named[-1].lower() in _APP_NOUNS:
        named.pop()
    if len(named) == 1 and named[0].lower() in _APP_NOUNS:
        return ""
    return " ".join(named)


def slug(text: str) -> str:
    """Return `text` as an identifier of ASCII letters, digits and hyphens; empty when it has none."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:40].strip("-")


def _forbidden(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    )
