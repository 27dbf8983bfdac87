"""A patch of git, cut into files and lines for display."""

import re
from dataclasses import dataclass

from recursor.web.dashboard.comparison import LONGEST_SHOWN, narrow
from recursor.web.dashboard.parts.lines import Line

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")


@dataclass(frozen=True, slots=True)
class FilePatch:
    """The changed lines of one file."""

    path: str
    """Its path, quoted as git does if it is not printable text."""
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """The changed lines of several files."""

    files: tuple[FilePatch, ...]
    shown_all: bool
    """Whether no line was left out or cut."""


def parse_patch(text: str, most_lines: int = LONGEST_SHOWN) -> Patch:
    """Return the changed lines of a patch.

    Args:
        text: the patch, as git prints it.
        most_lines: of all files together; the rest is left out.
    """
    files: list[FilePatch] = []
    lines: list[Line] = []
    path = ""
    left = most_lines
    whole = True
    # The lines of a hunk are counted: they may look like anything.
    old_left = new_left = old = new = 0
    for line in text.split("\n"):
        if old_left > 0 or new_left > 0:
            sign = line[:1] or " "
            if sign == "\\":
                continue
            here = old if sign != "+" else None, new if sign != "-" else None
            old, old_left = (old + 1, old_left - 1) if sign != "+" else (old, old_left)
            new, new_left = (new + 1, new_left - 1) if sign != "-" else (new, new_left)
            shown = narrow(line[1:])
            whole = whole and left > 0 and shown == line[1:]
            if left > 0:
                lines.append((sign, *here, shown))
                left -= 1
        elif line.startswith("diff --git "):
            if path:
                files.append(FilePatch(path, tuple(lines)))
            path, lines = line.removeprefix("diff --git "), []
        elif found := _HUNK.match(line):
            old, new = int(found[1]), int(found[3])
            old_left, new_left = int(found[2] or 1), int(found[4] or 1)
            if left > 0:
                lines.append(("@", None, None, f"From line {new or old:,}{narrow(found[5])}"))
        elif line.startswith(("+++ ", "--- ", "rename to ")):
            path = _path(line) or path
    if path:
        files.append(FilePatch(path, tuple(lines)))
    return Patch(tuple(files), whole)


def _path(header: str) -> str:
    """Return the path in a line such as `+++ b/src/index.py`; empty if there is none."""
    name = header.removeprefix("rename to ")
    if name != header:
        return name
    name = header[4:].partition("\t")[0]
    if name == "/dev/null":
        return ""
    return '"' + name[3:] if name.startswith('"') else name[2:]
