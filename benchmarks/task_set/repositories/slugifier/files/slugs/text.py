"""Slugs of titles."""

import re


def slugify(text: str, separator: str = "-") -> str:
    """Return the letters and digits of a text in lower case, with a separator between words."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return separator.join(words)
