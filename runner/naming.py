"""Names a stack after its idea."""

import re

_LONGEST = 60
_ARTICLES = re.compile(r"^(?:(?:an?|the|my|our)\s+)+(?=\S)", re.IGNORECASE)


def name_from_idea(idea: str) -> str:
    """Return a name of up to 60 characters: the idea's first line, cut between words.

    An idea without anything to name it by is returned as it is, for whoever checks names to refuse.
    """
    words = _ARTICLES.sub("", " ".join((idea.strip().splitlines() or [""])[0].split()))
    if len(words) <= _LONGEST:
        return words or idea.strip()
    cut = words[: _LONGEST - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:-") + "…"
