"""Icons, and states as badges: a shape, a word and a colour."""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


class Glyph(Element, component="glyph.js"):
    """An icon. Screen readers skip it: there is a word beside it."""

    def __init__(self, name: str) -> None:
        """Draw the icon with this name (see `glyph.js`)."""
        super().__init__()
        self._props["name"] = name

    def show(self, name: str) -> None:
        """Draw another icon."""
        if self._props["name"] != name:
            self._props["name"] = name


class Badge(Element):
    """A state as a word."""

    def __init__(self, text: str = "", tone: str = "quiet", icon: str = "minus") -> None:
        """Create it.

        Args:
            text: the word.
            tone: "good", "warn", "bad", "info", "accent" or "quiet".
            icon: a name of `glyph.js`.
        """
        super().__init__("span")
        self.classes("badge")
        self._props["data-tone"] = tone
        with self:
            self._glyph = Glyph(icon)
            self._word = TextElement(tag="span", text=text)

    def say(self, text: str, tone: str, icon: str) -> None:
        """Show another state; nothing is sent if it is unchanged."""
        if self._props["data-tone"] != tone:
            self._props["data-tone"] = tone
        self._glyph.show(icon)
        self._word.text = text
