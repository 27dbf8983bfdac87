"""Cleans and shortens people's texts, and derives names from them, without knowledge of components."""

import re
import unicodedata

from recursor.agents.scripted.vocabulary import APP_NOUNS, LEAD_IN

MAX_TITLE = 60

# Marks around words, straight and typographic.
QUOTES = "\"'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}“”«»"
_CUT = re.compile(
    r"\b(?:with|that|which|where|who|so|including|includes|featuring|because|using|plus|as well as|called"
    r"|named)\b"
    r"|[,;:()\[\]{}<>]|\s[-\N{EN DASH}—]\s",
    re.I,
)
_SENTENCE_END = re.compile(
    r"[.!?\n\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH EXCLAMATION MARK}\N{FULLWIDTH QUESTION MARK}]+(?:\s|$)|\n"
)
CALLED = re.compile(
    rf"\b(?:call(?:ed)?(?: it)?|name(?:d)?(?: it)?|titled)\s+[{QUOTES}]?(?P<name>[^{QUOTES},;.!?\n]{{2,60}})",
    re.I,
)
# The code points that the HTML specification calls errors: controls, surrogates, noncharacters.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane + code) for plane in range(0, 0x110000, 0x10000) for code in (0xFFFE, 0xFFFF))
    + "]"
)
WORD = re.compile(r"[^\W_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}-][^\W_]+)*")


def plain(text: str) -> str:
    """Return `text` without characters forbidden in a page: controls, surrogates, noncharacters."""
    return _FORBIDDEN.sub("", unicodedata.normalize("NFC", text))


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line, cut at a word if longer than `limit` characters."""
    line = " ".join(plain(text).split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > limit // 2 else head).rstrip(" ,;:-") + "…"


def words(text: str) -> list[str]:
    """Return the words of `text` as written."""
    return WORD.findall(text)


def sentence_case(text: str) -> str:
    """Return `text` with a capital first letter, the rest unchanged."""
    return text[:1].upper() + text[1:]


def title_of(text: str, fallback: str) -> str:
    """Return a name for the subject of `text`: an explicit name, else its first noun phrase.

    Args:
        text: a person's idea, any language, any length.
        fallback: the name if the text has no words.
    """
    text = plain(text)
    if (called := CALLED.search(text)) and called["name"].strip():
        return sentence_case(one_line(called["name"], MAX_TITLE))
    for sentence in _SENTENCE_END.split(text):
        if named := noun_phrase(sentence, most=7):
            return sentence_case(one_line(named, MAX_TITLE))
    return sentence_case(one_line(fallback, MAX_TITLE)) or "Notebook"


def noun_phrase(text: str, most: int) -> str:
    """Return the first noun phrase of `text`, of at most `most` words; empty if there is none."""
    rest = text.strip()
    while (first := WORD.match(rest)) and _key(first[0]) in LEAD_IN:
        rest = rest[first.end() :].lstrip(f" \t{QUOTES},.:;!?-")
    begin = WORD.search(rest)
    if begin is None:
        return ""
    named = _CUT.split(rest[begin.start() :], maxsplit=1)[0].split()[:most]
    while named and _key(named[-1]) in LEAD_IN:
        named.pop()
    return " ".join(named).strip(f" .,;:!?{QUOTES}-")


def kept_thing(text: str) -> str:
    """Return the subject that `text` wants recorded, without the word for the page: "plant care" of "plant
    care app"."""
    named = re.split(r"\s(?:I|we|you|they|he|she)\b", noun_phrase(text, most=5), maxsplit=1)[0].split()
    while len(named) > 1 and _key(named[-1]) in APP_NOUNS:
        named.pop()
    if len(named) == 1 and _key(named[0]) in APP_NOUNS:
        return ""
    return " ".join(named)


def slug(text: str) -> str:
    """Return `text` as an identifier of ASCII letters, digits and hyphens; empty if it has none."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:40].strip("-")


def _key(word: str) -> str:
    return word.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip(QUOTES + ".,")
