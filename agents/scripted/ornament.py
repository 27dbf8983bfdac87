"""The ornament of a page's header: a few shapes, drawn from a seed."""

import math
from collections.abc import Callable

from recursor.agents.scripted.theme import Motif, Theme

_OUTLINE = 'fill="none" stroke-width="7"'


class Numbers:
    """Numbers from a seed, the same on every machine and in every version of Python."""

    def __init__(self, seed: int) -> None:
        """Start the sequence of `seed`."""
        self._state = seed or 1

    def between(self, low: int, high: int) -> int:
        """Return the next number, from `low` to `high`."""
        # The linear congruential generator of ISO C's example rand().
        self._state = (self._state * 1103515245 + 12345) % 2**31
        return low + (self._state >> 8) % (high - low + 1)


def ornament(theme: Theme) -> str:
    """Return the inside of an SVG with a view box of 400 by 160.

    The style sheet colours the classes: o1 and o2 are outlines, f1 and f2 are filled.
    """
    return _DRAWN[theme.motif](Numbers(theme.seed))


def _waves(numbers: Numbers) -> str:
    paths = []
    for row in range(5):
        y = 30 + row * 28
        swing = numbers.between(8, 20)
        arcs = "".join(f"q 25 {-swing if step % 2 else swing} 50 0 " for step in range(9))
        start = f"M {-numbers.between(0, 40)} {y}"
        paths.append(f'<path class="o{row % 2 + 1}" d="{start} {arcs}" fill="none" stroke-width="6"/>')
    return "".join(paths)


def _rings(numbers: Numbers) -> str:
    x, y = numbers.between(240, 340), numbers.between(20, 120)
    return "".join(
        f'<circle class="o{step % 2 + 1}" cx="{x}" cy="{y}" r="{16 + step * 22}" {_OUTLINE}/>'
        for step in range(8)
    )


def _stripes(numbers: Numbers) -> str:
    shapes, x = [], 120
    while x < 460:
        width = numbers.between(5, 22)
        line = f'd="M {x} 170 L {x + 90} -10" stroke-width="{width}" fill="none"'
        shapes.append(f'<path class="o{numbers.between(1, 2)}" {line}/>')
        x += width + numbers.between(12, 26)
    return "".join(shapes)


def _dots(numbers: Numbers) -> str:
    shapes = []
    for column in range(4, 17):
        for row in range(7):
            colour, radius = numbers.between(1, 2), numbers.between(1, 3) + column / 3
            place = f'cx="{column * 24 + 12}" cy="{row * 24 + 10}"'
            shapes.append(f'<circle class="f{colour}" {place} r="{radius:.1f}"/>')
    return "".join(shapes)


def _hills(numbers: Numbers) -> str:
    sun = f'<circle class="f2" cx="{numbers.between(240, 340)}" cy="{numbers.between(30, 60)}" r="24"/>'
    shapes = []
    for row in range(3):
        base = 84 + row * 26
        points = " ".join(f"L {x} {base - numbers.between(0, 44)}" for x in range(0, 401, 50))
        shapes.append(f'<path class="f1" d="M 0 170 L 0 {base} {points} L 400 170 Z"/>')
    return sun + "".join(shapes)


def _tiles(numbers: Numbers) -> str:
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


def _rays(numbers: Numbers) -> str:
    x, y = numbers.between(260, 360), numbers.between(120, 170)
    shapes = []
    for step in range(12):
        ends = ""
        for degrees in (step * 30, step * 30 + 11):
            turn = math.radians(degrees)
            ends += f"L{x + 420 * math.cos(turn):.0f} {y + 420 * math.sin(turn):.0f}"
        shapes.append(f'<path class="f{step % 2 + 1}" d="M{x} {y}{ends}Z"/>')
    return "".join(shapes)


def _confetti(numbers: Numbers) -> str:
    shapes = []
    for _ in range(46):
        place = f'x="{numbers.between(90, 390)}" y="{numbers.between(0, 150)}"'
        size = f'width="{numbers.between(6, 20)}" height="{numbers.between(4, 9)}" rx="3"'
        turn = f'transform="rotate({numbers.between(0, 90)} 240 80)"'
        shapes.append(f'<rect class="f{numbers.between(1, 2)}" {place} {size} {turn}/>')
    return "".join(shapes)


_DRAWN: dict[Motif, Callable[[Numbers], str]] = {
    "waves": _waves,
    "rings": _rings,
    "stripes": _stripes,
    "dots": _dots,
    "hills": _hills,
    "tiles": _tiles,
    "rays": _rays,
    "confetti": _confetti,
}
