"""Links between the pages: real ones, which open without loading the page anew."""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


class Link(TextElement):
    """A link. To what is not a page of the dashboard (a download, the API) it must be `outside`."""

    def __init__(self, text: str, to: str, classes: str = "", *, outside: bool = False) -> None:
        """Make it.

        Args:
            text: what it says.
            to: a path with a leading slash.
            classes: of the style sheets in `style/`.
            outside: whether it leads out of the dashboard, into a tab of its own.
        """
        super().__init__(tag="a", text=text)
        self._props["href"] = to
        if outside:
            self._props["target"] = "_blank"
            self._props["rel"] = "noopener noreferrer"
        if classes:
            self.classes(classes)

    def lead(self, to: str) -> None:
        """Lead somewhere else."""
        if self._props["href"] != to:
            self._props["href"] = to

    def mark_current(self, current: bool) -> None:
        """Say whether it leads to where one is."""
        mark_current(self, current)


def mark_current(link: Element, current: bool) -> None:
    """Say of a link whether it leads to where one is."""
    if current and link._props.get("aria-current") != "page":
        link._props["aria-current"] = "page"
    elif not current and "aria-current" in link._props:
        del link._props["aria-current"]
