"""Plain boxes and texts: any HTML tag with our classes, and the few combinations that every page has."""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from recursor.web.dashboard.parts.glyph import Glyph


class Box(Element):
    """An element that contains others."""

    def __init__(self, tag: str = "div", classes: str = "", **props: str) -> None:
        """Create it.

        Args:
            tag: the HTML tag.
            classes: of the style sheets in `style/`.
            props: attributes; `_` in a name stands for `-` (`aria_label`).
        """
        super().__init__(tag)
        _dress(self, classes, props)


class Span(TextElement):
    """A text element. Setting `text` to its current value sends nothing."""

    def __init__(self, text: str = "", classes: str = "", tag: str = "span", **props: str) -> None:
        """Create it. For the arguments see `Box`."""
        super().__init__(tag=tag, text=text)
        _dress(self, classes, props)


class Section(Element):
    """A part of a page under a heading. Add elements beside the heading to `head`."""

    def __init__(self, title: str, classes: str = "section") -> None:
        """Begin a section; elements created inside `with` are below the heading."""
        super().__init__("section")
        self.classes(classes)
        with self:
            self.head = Box(classes="section-head")
            with self.head:
                heading = Span(title, tag="h2")
        self._props["aria-labelledby"] = f"c{heading.id}"


class Empty(Element):
    """Explains an empty place, with the reason and the next step. Put buttons inside."""

    def __init__(
        self, icon: str, title: str, hint: str = "", command: str = "", *, whole_page: bool = False
    ) -> None:
        """Create it.

        Args:
            icon: a name of `glyph.js`.
            title: the missing things.
            hint: the next step.
            command: a command for a terminal, if there is one.
            whole_page: whether it is alone on the page.
        """
        super().__init__("div")
        self.classes("empty")
        with self:
            Glyph(icon)
            Span(title, tag="h1" if whole_page else "h3")
            if hint:
                Span(hint, tag="p")
            if command:
                CommandText(command)


class CommandText(TextElement):
    """A command to type in a terminal."""

    def __init__(self, command: str) -> None:
        """Make it."""
        super().__init__(tag="code", text=command)
        self.classes("command")


class Notice(Element):
    """An important sentence."""

    def __init__(self, text: str = "", tone: str = "info", icon: str = "alert") -> None:
        """Create it.

        Args:
            text: the sentence.
            tone: "info", "good", "warn" or "bad".
            icon: a name of `glyph.js`.
        """
        super().__init__("div")
        self.classes("notice")
        self._props["data-tone"] = tone
        with self:
            self._glyph = Glyph(icon)
            self._span = Span(text, "written")

    def say(self, text: str, tone: str, icon: str = "alert") -> None:
        """Change the sentence."""
        self._span.text = text
        if self._props["data-tone"] != tone:
            self._props["data-tone"] = tone
        self._glyph.show(icon)


def _dress(element: Element, classes: str, props: dict[str, str]) -> None:
    if classes:
        element.classes(classes)
    for name, value in props.items():
        element._props[name.strip("_").replace("_", "-")] = value
