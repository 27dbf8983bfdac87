"""Lines of text: numbered, or compared."""

from collections.abc import Iterable, Sequence

from nicegui.element import Element

Line = tuple[str, int | None, int | None, str]
"""A sign ("+", "-", " ", or "@" for omitted lines), the line numbers, from 1, and the text."""


class SourceText(Element, component="source_text.js"):
    """Text with numbered lines."""

    def __init__(self, lines: Sequence[str], label: str) -> None:
        """Show these lines."""
        super().__init__()
        self._props.update({"lines": list(lines), "label": label})


class DifferenceTable(Element, component="difference.js"):
    """Lines with their signs."""

    def __init__(self, lines: Iterable[Line], label: str) -> None:
        """Show these differences."""
        super().__init__()
        self._props.update({"lines": [list(line) for line in lines], "label": label})
