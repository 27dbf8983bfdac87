"""Requests about looks: "dark mode", "make it blue", "a bigger font", "two columns"."""

import re
from typing import Literal

from pydantic import Field

from recursor.domain.record import Record

Mode = Literal["auto", "light", "dark"]
Layout = Literal["column", "grid", "sidebar", "masthead", "spotlight"]
Face = Literal["humanist", "geometric", "rounded", "slab", "serif", "mono", "narrow"]

# Degrees in OKLCH.
COLOURS: dict[str, int] = {
    "red": 27, "crimson": 20, "orange": 55, "amber": 75, "yellow": 95, "gold": 85, "lime": 125, "green": 148,
    "mint": 165, "teal": 190, "turquoise": 195, "cyan": 210, "blue": 255, "navy": 265, "indigo": 275,
    "violet": 295, "purple": 305, "magenta": 330, "pink": 355, "rose": 8, "brown": 50,
}  # fmt: skip

STYLE_WORDS = (
    *COLOURS, "dark", "light", "mode", "theme", "colour", "color", "background", "font", "serif", "rounded",
    "look", "sidebar", "columns", "design", "style",
)  # fmt: skip
"""The words for looks."""

_NAMES = "|".join(COLOURS)
_MODE = re.compile(
    r"\b(?P<named>dark|black|night|light|bright|white)[ -]*"
    r"(?:mode|theme|background|colou?r scheme|design|look|ui|version)\b"
    r"|\b(?:make|turn|switch)\b[^.,;]{0,30}\b(?P<made>dark|darker|light|lighter|bright|brighter)\b"
    rf"(?! ?(?:{_NAMES}))"
)
_NOT_WANTED = re.compile(rf"\b(?:instead of|rather than|not) (?:the )?(?:{_NAMES})\b")
_COLOUR_AFTER = re.compile(
    r"\b(?:colou?rs?|theme|palette|accents?|background|shade|tone|make|turn|paint|in|it|everything|page|style)"
    rf"\b[^.;!?]{{0,24}}?\b({_NAMES})\b"
)
_COLOUR_BEFORE = re.compile(
    rf"\b({_NAMES})\b[^.;!?]{{0,14}}?"
    r"\b(?:colou?rs?|theme|palette|accents?|design|look|style|tones?|page|background|please|instead)\b"
)
_LAYOUTS: tuple[tuple[Layout, str], ...] = (
    ("sidebar", r"\bside ?bar\b|\bside menu\b"),
    ("grid", r"\b(?:two|2|three|3|several|multiple)[ -]columns?\b|\b(?:grid|card) layout\b|\bin a grid\b"),
    ("column", r"\b(?:single|one|1)[ -]column\b"),
)
_FACES: tuple[tuple[Face, str], ...] = (
    ("mono", r"mono(?:space)?d?|typewriter|code"),
    ("rounded", r"rounded|round|friendl(?:y|ier)"),
    ("humanist", r"sans[ -]?serif"),
    ("slab", r"slab"),
    ("serif", r"serif|bookish|elegant"),
    ("narrow", r"narrow|condensed"),
)
_LETTERS = r"(?:fonts?|text|letters|type|writing)\b"
_LARGER = re.compile(rf"\b(?:bigger|larger|big|large) {_LETTERS}|{_LETTERS}[^.]{{0,12}}\b(?:bigger|larger)")
_SMALLER = re.compile(rf"\b(?:smaller|small|tiny) {_LETTERS}|{_LETTERS}[^.]{{0,12}}\bsmaller")


class StyleRequest(Record):
    """The looks requested by a visitor or an idea; None leaves a thing as it is."""

    mode: Mode | None = None
    hue: int | None = Field(default=None, ge=0, le=360)
    layout: Layout | None = None
    face: Face | None = None
    scale: float | None = Field(default=None, ge=0.8, le=1.5)

    @property
    def says_nothing(self) -> bool:
        """Whether it changes nothing."""
        return self == StyleRequest()


def look_in(text: str) -> StyleRequest:
    """Return the looks requested in `text`."""
    lowered = text.lower()
    return StyleRequest(
        mode=_mode_in(lowered),
        hue=_hue_in(lowered),
        layout=next((layout for layout, pattern in _LAYOUTS if re.search(pattern, lowered)), None),
        face=_face_in(lowered),
        scale=1.2 if _LARGER.search(lowered) else 0.9 if _SMALLER.search(lowered) else None,
    )


def _mode_in(lowered: str) -> Mode | None:
    found = _MODE.search(lowered)
    if found is None:
        return None
    return "dark" if (found["named"] or found["made"]).startswith(("dark", "black", "night")) else "light"


def _hue_in(lowered: str) -> int | None:
    told = _NOT_WANTED.sub(" ", lowered)
    found = _COLOUR_AFTER.search(told) or _COLOUR_BEFORE.search(told)
    return COLOURS[found[1]] if found else None


def _face_in(lowered: str) -> Face | None:
    for face, names in _FACES:
        if re.search(rf"\b(?:{names})\s+(?:fonts?|typeface|type|letters|lettering|text)\b", lowered):
            return face
    return None
