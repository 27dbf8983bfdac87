"""What was typed and not saved."""

from nicegui.element import Element


class Unsaved(Element, component="unsaved.js"):
    """Asks before its page is left by a link, or closed, for as long as there is something to lose."""

    def __init__(self) -> None:
        """Make it: there is nothing to lose yet."""
        super().__init__()
        self._props["question"] = ""

    def ask(self, question: str) -> None:
        """Ask this before the page is left; "" asks nothing."""
        if self._props["question"] != question:
            self._props["question"] = question
