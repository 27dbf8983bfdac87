"""The source of a page and the difference between two, cut to a readable length."""

from dataclasses import dataclass

from recursor.domain.comparison import LONGEST_COMPARED, hunks
from recursor.web.dashboard.parts.lines import Line

# The most lines shown, and characters of each: longer texts are for other programs.
LONGEST_SHOWN = 2_000
WIDEST_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The shown lines of a text."""

    lines: list[str]
    total: int
    """The number of all lines."""
    narrowed: bool
    """Whether a line was cut."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences between two texts."""

    lines: list[Line]
    added: int
    removed: int
    shown_all: bool
    """Whether nothing was cut."""


def excerpt(text: str) -> Excerpt:
    """Return the shown lines of `text`."""
    every = text.splitlines()
    shown = every[:LONGEST_SHOWN]
    narrowed = any(len(line) > WIDEST_SHOWN for line in shown)
    return Excerpt([narrow(line) for line in shown], len(every), narrowed)


def compare(before: str, now: str) -> Difference | None:
    """Return the differences between two texts, or None if they are too long to compare."""
    old, new = before.splitlines(), now.splitlines()
    if len(old) + len(new) > LONGEST_COMPARED:
        return None
    lines: list[Line] = []
    added = removed = 0
    end = 0
    for group in hunks(old, new):
        if group[0][1] > end:
            lines.append(("@", None, None, _left_out(group[0][1] - end)))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                both = zip(range(i1, i2), range(j1, j2), strict=True)
                lines += [(" ", i + 1, j + 1, narrow(old[i])) for i, j in both]
                continue
            removed += i2 - i1
            added += j2 - j1
            lines += [("-", i + 1, None, narrow(old[i])) for i in range(i1, i2)]
            lines += [("+", None, j + 1, narrow(new[j])) for j in range(j1, j2)]
        end = group[-1][2]
    if lines and len(old) > end:
        lines.append(("@", None, None, _left_out(len(old) - end)))
    wide = any(len(text) > WIDEST_SHOWN for _, _, _, text in lines)
    return Difference(lines[:LONGEST_SHOWN], added, removed, len(lines) <= LONGEST_SHOWN and not wide)


def narrow(line: str) -> str:
    """Return a line, cut if it is long."""
    return line if len(line) <= WIDEST_SHOWN else line[:WIDEST_SHOWN] + "…"


def _left_out(count: int) -> str:
    return "1 line is the same" if count == 1 else f"{count:,} lines are the same"
