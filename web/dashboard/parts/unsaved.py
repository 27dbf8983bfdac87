"""Unsaved input."""

from nicegui.element import Element


class Unsaved(Element, component="unsaved.js"):
    """Asks before its page is left or closed, as long as there is unsaved input."""

    def __init__(self) -> None:
        """Create it, with nothing unsaved yet."""
        super().__init__()
        self._props["question"] = ""

    def ask(self, question: str) -> None:
        """Ask this question before the page is left; "" for none."""
        if self._props["question"] != question:
            self._props["question"] = question
