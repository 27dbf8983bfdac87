"""Names a stack after its idea."""

import re

_LONGEST = 60
NAMELESS = "untitled"
"""The name for an idea without a visible character."""
# Characters forbidden in a name: controls, and those that change the direction of text.
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_ARTICLES = re.compile(r"^(?:(?:an?|the|my|our)\s+)+(?=\S)", re.IGNORECASE)


def name_from_idea(idea: str) -> str:
    """Return a name of up to 60 characters: the idea's first line, cut between words."""
    first = next((line for line in idea.splitlines() if line.strip()), "")
    words = _ARTICLES.sub("", " ".join(_INVISIBLE.sub(" ", first).split()))
    if len(words) <= _LONGEST:
        return words or NAMELESS
    cut = words[: _LONGEST - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:-") + "…"
