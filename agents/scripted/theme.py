"""The looks of a page: colours, type, layout and ornament, all from the idea, so that few ideas look
alike."""

import hashlib
import re
from typing import Literal, Self, TypeVar

from pydantic import Field

from recursor.agents.scripted.style_request import Face, Layout, Mode, StyleRequest, look_in
from recursor.domain.record import Record

Choice = TypeVar("Choice")
Surface = Literal["outlined", "lifted", "filled", "ruled"]
Motif = Literal["waves", "rings", "stripes", "dots", "hills", "tiles", "rays", "confetti"]
Banner = Literal["bold", "tinted", "plain"]

# System fonts only: a page makes no request. The groups are those of https://modernfontstacks.com.
FACES: dict[Face, str] = {
    "humanist": "Seravek, 'Gill Sans Nova', Ubuntu, Calibri, 'Noto Sans', 'DejaVu Sans', sans-serif",
    "geometric": "Avenir, Montserrat, Corbel, 'URW Gothic', 'Helvetica Neue', Arial, sans-serif",
    "rounded": "ui-rounded, 'Hiragino Maru Gothic ProN', Quicksand, Comfortaa, Manjari, Calibri, sans-serif",
    "slab": "Rockwell, 'Rockwell Nova', 'Roboto Slab', 'DejaVu Serif', 'Sitka Small', Georgia, serif",
    "serif": "'Iowan Old Style', 'Palatino Linotype', 'URW Palladio L', P052, Georgia, serif",
    "mono": "ui-monospace, 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    "narrow": "Bahnschrift, 'DIN Alternate', 'Franklin Gothic Medium', 'Nimbus Sans Narrow', sans-serif",
}

# A hue (degrees in OKLCH) for the subject of an idea; the one mentioned first counts.
_TOPICS: tuple[tuple[str, int], ...] = (
    (r"water|hydrat|swim|sea\b|ocean|sail|fish|rain\b|weather", 225),
    (r"plant|garden|nature|forest|eco|vegan|vegetable|farm|bird|hik|tea\b", 145),
    (r"money|budget|expens|financ|saving|invoice", 165),
    (r"recipe|cook|bak|kitchen|food|meal|restaurant|bread", 45),
    (r"coffee|wood|leather|antique|whisk|chocolate", 60),
    (r"love\b|wedding|valentine|date night|romance", 5),
    (r"workout|fitness|gym\b|run\b|running|exercise|sport|training", 25),
    (r"sleep|night|dream|stars?\b|astronom|space\b|moon", 280),
    (r"child|kid|toy|party|birthday", 350),
    (r"music|band|guitar|piano|concert|vinyl", 310),
    (r"meditat|mindful|yoga|calm|mood", 190),
    (r"pomodoro|focus|timer", 30),
    (r"sun\b|summer|holiday|beach|travel|trip", 75),
)
_LAYOUTS: tuple[Layout, ...] = ("grid", "sidebar", "spotlight", "masthead", "column")
_SURFACES: tuple[Surface, ...] = ("outlined", "lifted", "filled", "ruled")
_MOTIFS: tuple[Motif, ...] = ("waves", "rings", "stripes", "dots", "hills", "tiles", "rays", "confetti")
_BANNERS: tuple[Banner, ...] = ("bold", "tinted", "plain", "bold")
# Headings and text.
_PAIRINGS: tuple[tuple[Face, Face], ...] = (
    ("serif", "humanist"), ("geometric", "geometric"), ("slab", "humanist"), ("rounded", "rounded"),
    ("narrow", "humanist"), ("mono", "humanist"), ("serif", "serif"), ("humanist", "humanist"),
)  # fmt: skip


class Theme(Record):
    """The looks of one page, complete."""

    mode: Mode = "auto"
    hue: int = Field(ge=0, le=360)
    second_hue: int = Field(ge=0, le=360)
    chroma: float = Field(ge=0.02, le=0.2)
    layout: Layout
    surface: Surface
    radius: int = Field(ge=0, le=24)
    """Of corners, in pixels."""
    motif: Motif
    heading_face: Face
    body_face: Face
    scale: float = Field(default=1.0, ge=0.8, le=1.5)
    banner: Banner
    seed: int = Field(ge=0)
    """The seed of the ornament."""

    def wearing(self, look: StyleRequest) -> Self:
        """Return the theme with the changes of `look`."""
        changes: dict[str, object] = {
            name: value for name in ("mode", "layout", "scale") if (value := getattr(look, name)) is not None
        }
        if look.hue is not None:
            changes |= {"hue": look.hue, "second_hue": (look.hue + self.second_hue - self.hue) % 360}
        if look.face is not None:
            changes |= {"heading_face": look.face, "body_face": look.face}
        return self.model_copy(update=changes)


def theme_of(idea: str) -> Theme:
    """Return the theme of `idea`: always the same one."""
    digest = hashlib.sha256(" ".join(idea.lower().split()).encode("utf-8", "replace")).digest()
    hue = (_topic_hue(idea, digest[1] * 15 % 360) + digest[2] % 17 - 8) % 360
    heading, body = _chosen(_PAIRINGS, digest[0])
    theme = Theme(
        hue=hue,
        second_hue=(hue + _chosen((40, 150, 180, 210, 320), digest[3])) % 360,
        chroma=_chosen((0.06, 0.1, 0.13, 0.15), digest[4]),
        layout=_chosen(_LAYOUTS, digest[5]),
        surface=_chosen(_SURFACES, digest[6]),
        radius=_chosen((0, 4, 10, 18), digest[7]),
        motif=_chosen(_MOTIFS, digest[8]),
        heading_face=heading,
        body_face=body,
        banner=_chosen(_BANNERS, digest[9]),
        seed=int.from_bytes(digest[10:14], "big"),
    )
    return theme.wearing(look_in(idea))


def _topic_hue(idea: str, fallback: int) -> int:
    told = [
        (found.start(), hue) for words, hue in _TOPICS if (found := re.search(rf"\b(?:{words})", idea, re.I))
    ]
    return min(told)[1] if told else fallback


def _chosen(among: tuple[Choice, ...], by: int) -> Choice:
    return among[by % len(among)]
