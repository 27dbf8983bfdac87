"""How a page looks: colours, type, layout and ornament, derived from the idea so that two ideas rarely look alike."""

import hashlib
import math
import re
from typing import Literal, Self

from pydantic import Field

from recursor.domain.record import Record

Mode = Literal["auto", "light", "dark"]
Layout = Literal["column", "grid", "sidebar", "masthead", "spotlight"]
Surface = Literal["outlined", "lifted", "filled", "ruled"]
Motif = Literal["waves", "rings", "stripes", "dots", "hills", "tiles", "rays", "confetti"]
Face = Literal["humanist", "geometric", "rounded", "slab", "serif", "mono", "narrow"]

# System fonts only: a page makes no request. The groups are those of https://modernfontstacks.com.
FACES: dict[Face, str] = {
    "humanist": "Seravek, 'Gill Sans Nova', Ubuntu, Calibri, 'Noto Sans', 'DejaVu Sans', sans-serif",
    "geometric": "Avenir, Montserrat, Corbel, 'URW Gothic', 'Helvetica Neue', Arial, sans-serif",
    "rounded": "ui-rounded, 'Hiragino Maru Gothic ProN', Quicksand, Comfortaa, Manjari, 'Arial Rounded MT Bold', Calibri, sans-serif",
    "slab": "Rockwell, 'Rockwell Nova', 'Roboto Slab', 'DejaVu Serif', 'Sitka Small', Georgia, serif",
    "serif": "'Iowan Old Style', 'Palatino Linotype', 'URW Palladio L', P052, Georgia, serif",
    "mono": "ui-monospace, 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    "narrow": "Bahnschrift, 'DIN Alternate', 'Franklin Gothic Medium', 'Nimbus Sans Narrow', 'Arial Narrow', sans-serif",
}  # fmt: skip

# A hue (degrees in OKLCH) for what an idea is about; the first that is found in it counts.
_TOPICS: tuple[tuple[str, int], ...] = (
    (r"water|hydrat|swim|sea|ocean|sail|fish|rain|weather", 225),
    (r"plant|garden|nature|forest|eco|vegan|vegetable|farm|bird|hik|tea\b", 145),
    (r"money|budget|expens|financ|saving|invoice", 165),
    (r"recipe|cook|bak|kitchen|food|meal|restaurant|bread", 45),
    (r"coffee|wood|leather|antique|whisk|chocolate", 60),
    (r"love|wedding|valentine|date night|romance", 5),
    (r"workout|fitness|gym|run|running|exercise|sport|training", 25),
    (r"sleep|night|dream|star|astronom|space|moon", 280),
    (r"child|kid|toy|party|birthday", 350),
    (r"music|band|guitar|piano|concert|vinyl", 310),
    (r"meditat|mindful|yoga|calm|mood", 190),
    (r"pomodoro|focus|timer", 30),
    (r"sun|summer|holiday|beach|travel|trip", 75),
)
_COLOURS: dict[str, int] = {
    "red": 27, "crimson": 20, "orange": 55, "amber": 75, "yellow": 95, "gold": 85, "lime": 125, "green": 148,
    "mint": 165, "teal": 190, "turquoise": 195, "cyan": 210, "blue": 255, "navy": 265, "indigo": 275,
    "violet": 295, "purple": 305, "magenta": 330, "pink": 355, "rose": 8, "brown": 50,
}  # fmt: skip
_LAYOUTS: tuple[Layout, ...] = ("grid", "sidebar", "spotlight", "masthead", "column")
_SURFACES: tuple[Surface, ...] = ("outlined", "lifted", "filled", "ruled")
_MOTIFS: tuple[Motif, ...] = ("waves", "rings", "stripes", "dots", "hills", "tiles", "rays", "confetti")
_PAIRINGS: tuple[tuple[Face, Face], ...] = (
    ("serif", "humanist"), ("geometric", "geometric"), ("slab", "humanist"), ("rounded", "rounded"),
    ("narrow", "humanist"), ("mono", "humanist"), ("serif", "serif"), ("humanist", "humanist"),
)  # fmt: skip


class Look(Record):
    """What a visitor or an idea says about the looks; None leaves a thing as it is."""

    mode: Mode | None = None
    hue: int | None = Field(default=None, ge=0, le=360)
    layout: Layout | None = None
    face: Face | None = None
    scale: float | None = Field(default=None, ge=0.8, le=1.5)

    @property
    def says_nothing(self) -> bool:
        """Whether it changes nothing."""
        return self == Look()


class Theme(Record):
    """The looks of one page, complete."""

    mode: Mode = "auto"
    hue: int = Field(ge=0, le=360)
    second_hue: int = Field(ge=0, le=360)
    chroma: float = Field(ge=0.02, le=0.2)
    layout: Layout
    surface: Surface
    radius: int = Field(ge=0, le=24)
    """Pixels."""
    motif: Motif
    heading_face: Face
    body_face: Face
    scale: float = Field(default=1.0, ge=0.8, le=1.5)
    banner: Literal["bold", "tinted", "plain"]
    seed: int = Field(ge=0)
    """What the ornament is drawn from."""

    def wearing(self, look: Look) -> Self:
        """Return the theme with what `look` says."""
        changes: dict[str, object] = {}
        for name in ("mode", "layout", "scale"):
            if (value := getattr(look, name)) is not None:
                changes[name] = value
        if look.hue is not None:
            changes["hue"] = look.hue
            changes["second_hue"] = (look.hue + (self.second_hue - self.hue)) % 360
        if look.face is not None:
            changes["heading_face"] = changes["body_face"] = look.face
        return self.model_copy(update=changes)


def theme_of(idea: str) -> Theme:
    """Return the theme that belongs to `idea`: always the same one."""
    digest = hashlib.sha256(" ".join(idea.lower().split()).encode("utf-8", "replace")).digest()
    heading, body = _PAIRINGS[digest[0] % len(_PAIRINGS)]
    hue = next(
        (topic_hue for words, topic_hue in _TOPICS if re.search(rf"\b(?:{words})", idea, re.I)),
        digest[1] * 15 % 360,
    )
    hue = (hue + digest[2] % 17 - 8) % 360
    theme = Theme(
        hue=hue,
        second_hue=(hue + (40, 150, 180, 210, 320)[digest[3] % 5]) % 360,
        chroma=(0.06, 0.1, 0.13, 0.15)[digest[4] % 4],
        layout=_LAYOUTS[digest[5] % len(_LAYOUTS)],
        surface=_SURFACES[digest[6] % len(_SURFACES)],
        radius=(0, 4, 10, 18)[digest[7] % 4],
        motif=_MOTIFS[digest[8] % len(_MOTIFS)],
        heading_face=heading,
        body_face=body,
        banner=("bold", "tinted", "plain", "bold")[digest[9] % 4],  # type: ignore[arg-type]  # one of three
        seed=int.from_bytes(digest[10:14], "big"),
    )
    return theme.wearing(look_in(idea))


def look_in(text: str) -> Look:
    """Return what `text` says about looks: "dark mode", "make it blue", "a bigger font", "two columns"."""
    lowered = text.lower()
    mode: Mode | None = None
    if found := re.search(
        r"\b(dark|black|night|light|bright|white)[ -]*(?:mode|theme|background|colou?r scheme|design|look|ui|version)\b"
        r"|\b(?:make|turn|switch)\b[^.,;]{0,30}\b(dark|darker|light|lighter|bright|brighter)\b(?! ?(?:blue|green|red))",
        lowered,
    ):
        word = found[1] or found[2]
        mode = "dark" if word.startswith(("dark", "black", "night")) else "light"
    layout: Layout | None = None
    for pattern, name in (
        (r"\bside ?bar\b|\bside menu\b", "sidebar"),
        (r"\b(?:two|2|three|3|several|multiple)[ -]columns?\b|\bgrid layout\b|\bcard layout\b|\bin a grid\b", "grid"),
        (r"\b(?:single|one|1)[ -]column\b", "column"),
    ):  # fmt: skip
        if layout is None and re.search(pattern, lowered):
            layout = name  # type: ignore[assignment]  # one of the layouts above
    return Look(
        mode=mode,
        hue=_hue_in(lowered),
        layout=layout,
        face=_face_in(lowered),
        scale=_scale_in(lowered),
    )


def _hue_in(lowered: str) -> int | None:
    names = "|".join(_COLOURS)
    told = re.sub(rf"\b(?:instead of|rather than|not) (?:the )?(?:{names})\b", " ", lowered)
    wanted = re.search(
        rf"\b(?:colou?rs?|theme|palette|accents?|background|shade|tone|make|turn|paint|in|it|everything|page|style)\b[^.;!?]{{0,24}}?\b({names})\b"
        rf"|\b({names})\b[^.;!?]{{0,14}}?\b(?:colou?rs?|theme|palette|accents?|design|look|style|tones?|page|background|please|instead)\b",
        told,
    )
    return _COLOURS[wanted[1] or wanted[2]] if wanted else None


def _face_in(lowered: str) -> Face | None:
    faces: tuple[tuple[str, Face], ...] = (
        (r"mono(?:space)?d?|typewriter|code", "mono"), (r"rounded|round|friendl(?:y|ier)", "rounded"),
        (r"sans[ -]?serif", "humanist"), (r"slab", "slab"), (r"serif|bookish|elegant", "serif"),
        (r"narrow|condensed", "narrow"),
    )  # fmt: skip
    for words, face in faces:
        if re.search(rf"\b(?:{words})\s+(?:fonts?|typeface|type|letters|lettering|text)\b", lowered):
            return face
    return None


def _scale_in(lowered: str) -> float | None:
    what = r"(?:fonts?|text|letters|type|writing)\b"
    if re.search(
        rf"\b(?:bigger|larger|big|large|increase[^.]{{0,12}}) {what}|{what}[^.]{{0,12}}\b(?:bigger|larger)",
        lowered,
    ):
        return 1.2
    if re.search(
        rf"\b(?:smaller|small|tiny|decrease[^.]{{0,12}}) {what}|{what}[^.]{{0,12}}\bsmaller", lowered
    ):
        return 0.9
    return None


def ornament(theme: Theme) -> str:
    """Return the shapes of the header's ornament: the inside of an SVG with a view box of 400 by 160."""
    numbers = _sequence(theme.seed)
    return {
        "waves": _waves,
        "rings": _rings,
        "stripes": _stripes,
        "dots": _dots,
        "hills": _hills,
        "tiles": _tiles,
        "rays": _rays,
        "confetti": _confetti,
    }[theme.motif](numbers)


class _sequence:  # noqa: N801  # reads as a function that returns numbers
    """Numbers from a seed, the same on every machine and in every version of Python."""

    def __init__(self, seed: int) -> None:
        self._state = seed or 1

    def between(self, low: int, high: int) -> int:
        self._state = (self._state * 1103515245 + 12345) % 2**31
        return low + (self._state >> 8) % (high - low + 1)


def _waves(numbers: _sequence) -> str:
    paths = []
    for row in range(5):
        y = 30 + row * 28
        swing = numbers.between(8, 20)
        arcs = "".join(f"q 25 {-swing if step % 2 else swing} 50 0 " for step in range(9))
        paths.append(
            f'<path class="o{row % 2 + 1}" d="M {-numbers.between(0, 40)} {y} {arcs}" fill="none" stroke-width="6"/>'
        )
    return "".join(paths)


def _rings(numbers: _sequence) -> str:
    x, y = numbers.between(240, 340), numbers.between(20, 120)
    return "".join(
        f'<circle class="o{step % 2 + 1}" cx="{x}" cy="{y}" r="{16 + step * 22}" fill="none" stroke-width="7"/>'
        for step in range(8)
    )


def _stripes(numbers: _sequence) -> str:
    shapes, x = [], 120
    while x < 460:
        width = numbers.between(5, 22)
        shapes.append(
            f'<path class="o{numbers.between(1, 2)}" d="M {x} 170 L {x + 90} -10" stroke-width="{width}" fill="none"/>'
        )
        x += width + numbers.between(12, 26)
    return "".join(shapes)


def _dots(numbers: _sequence) -> str:
    return "".join(
        f'<circle class="f{numbers.between(1, 2)}" cx="{column * 24 + 12}" cy="{row * 24 + 10}" r="{numbers.between(1, 3) + column / 3:.1f}"/>'
        for column in range(4, 17)
        for row in range(7)
    )


def _hills(numbers: _sequence) -> str:
    sun = f'<circle class="f2" cx="{numbers.between(240, 340)}" cy="{numbers.between(30, 60)}" r="24"/>'
    shapes = []
    for row in range(3):
        base = 84 + row * 26
        points = " ".join(f"L {x} {base - numbers.between(0, 44)}" for x in range(0, 401, 50))
        shapes.append(f'<path class="f1" d="M 0 170 L 0 {base} {points} L 400 170 Z"/>')
    return sun + "".join(shapes)


def _tiles(numbers: _sequence) -> str:
    turns = (
        "M{x} {y}h32a32 32 0 0 1 -32 32z",
        "M{x} {y}h32v32a32 32 0 0 1 -32 -32z",
        "M{x} {y}h32v32h-32z",
        "",
    )
    shapes = []
    for column in range(3, 13):
        for row in range(5):
            shape = turns[numbers.between(0, 3)].format(x=column * 32, y=row * 32)
            shapes.append(f'<path class="f{numbers.between(1, 2)}" d="{shape}"/>' if shape else "")
    return "".join(shapes)


def _rays(numbers: _sequence) -> str:
    x, y = numbers.between(260, 360), numbers.between(120, 170)
    shapes = []
    for step in range(24):
        if step % 2:
            continue
        first, last = math.radians(step * 15), math.radians(step * 15 + 11)
        shapes.append(
            f'<path class="f{step // 2 % 2 + 1}" d="M{x} {y}L{x + 420 * math.cos(first):.0f} {y + 420 * math.sin(first):.0f}'
            f'L{x + 420 * math.cos(last):.0f} {y + 420 * math.sin(last):.0f}Z"/>'
        )
    return "".join(shapes)


def _confetti(numbers: _sequence) -> str:
    return "".join(
        f'<rect class="f{numbers.between(1, 2)}" x="{numbers.between(90, 390)}" y="{numbers.between(0, 150)}" '
        f'width="{numbers.between(6, 20)}" height="{numbers.between(4, 9)}" rx="3" '
        f'transform="rotate({numbers.between(0, 90)} 240 80)"/>'
        for _ in range(46)
    )
