"""Links between pages: real links, which open without reloading the page."""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


class Anchor(TextElement):
    """A link. It must be `outside` if its target is not a page of the dashboard (a download, the API)."""

    def __init__(self, text: str, to: str, classes: str = "", *, outside: bool = False) -> None:
        """Create it.

        Args:
            text: its text.
            to: a path with a leading slash.
            classes: of the style sheets in `style/`.
            outside: whether it leads out of the dashboard, into a new tab.
        """
        super().__init__(tag="a", text=text)
        self._props["href"] = to
        if outside:
            self._props["target"] = "_blank"
            self._props["rel"] = "noopener noreferrer"
        if classes:
            self.classes(classes)

    def lead(self, to: str) -> None:
        """Change its target."""
        if self._props["href"] != to:
            self._props["href"] = to

    def mark_current(self, current: bool) -> None:
        """Mark whether it leads to the current page."""
        mark_current(self, current)


def mark_current(link: Element, current: bool) -> None:
    """Mark whether a link leads to the current page."""
    if current and link._props.get("aria-current") != "page":
        link._props["aria-current"] = "page"
    elif not current and "aria-current" in link._props:
        del link._props["aria-current"]
