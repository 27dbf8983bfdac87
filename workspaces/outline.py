"""The files of a commit or of a working tree at a glance, however many there are."""

from collections import deque
from collections.abc import Callable

from recursor.workspaces.history import ListedFile, Listing

MOST_BELOW = 100
"""Entries of one directory that are shown, except of the one at the top."""


def outline(directory: Callable[[str, int], Listing], path: str, most: int) -> tuple[str, ...]:
    """Return a line for each file and directory below a path; if not all fit, those near the top.

    Args:
        directory: returns at most so many entries of a directory.
        path: the directory at the top; empty: the root.
        most: lines.

    Returns:
        the lines, sorted by path. Those of directories end in "/", with a note if not all of their entries
        are shown; for the one at the top, the note comes last.
    """
    lines: dict[str, str] = {}
    top = ""
    pending = deque([path])
    while pending:
        above = pending.popleft()
        room = min(most - len(lines), most if above == path else MOST_BELOW)
        if room <= 0:
            lines[above] += " (not shown)"
            continue
        found = directory(above, room)
        for entry in found.entries:
            lines[entry.path] = _told(entry)
            if entry.kind == "directory":
                pending.append(entry.path)
        if found.total > len(found.entries):
            note = f" ({len(found.entries):,} of {found.total:,} entries are shown)"
            if above == path:
                top = f"{above or '.'}/{note}"
            else:
                lines[above] += note
    return (*(lines[name] for name in sorted(lines)), *([top] if top else ()))


def _told(entry: ListedFile) -> str:
    if entry.kind == "directory":
        return f"{entry.path}/"
    if entry.kind == "file":
        return entry.path if entry.size is None else f"{entry.path} ({entry.size:,} bytes)"
    return f"{entry.path} ({entry.kind})"
