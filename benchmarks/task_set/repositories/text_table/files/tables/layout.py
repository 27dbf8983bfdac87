"""Tables for terminals."""

from collections.abc import Sequence


def render(rows: Sequence[Sequence[object]]) -> str:
    """Return the rows as lines."""
    return "\n".join("  ".join(str(cell) for cell in row) for row in rows)
