"""Buttons: the browser's own."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from nicegui.element import Element

from recursor.web.dashboard.parts.boxes import Span
from recursor.web.dashboard.parts.glyph import Glyph

Action = Callable[[], Awaitable[None] | None]


class Button(Element):
    """A button that says what it does.

    It is never taken out of the tab order: one that can do nothing now says so, and keeps the focus.
    """

    def __init__(
        self, text: str, action: Action, *, icon: str = "", kind: str = "", label: str | None = None
    ) -> None:
        """Make it.

        Args:
            text: what it says; empty for an icon alone, which needs a `label`.
            action: what it does, when it can.
            icon: a name of `glyph.js`.
            kind: "primary", "danger", "plain", or nothing special.
            label: what screen readers say in place of the text.
        """
        super().__init__("button")
        self.classes(f"button button--{kind}" if kind else "button")
        self._props["type"] = "button"
        if label is not None:
            self._props["aria-label"] = label
            self._props["title"] = label
        self._action = action
        self._text = None
        with self:
            self._glyph = Glyph(icon) if icon else None
            self._word = Span(text) if text else None
        self.on("click", self._press, args=[])

    @property
    def possible(self) -> bool:
        """Whether it can be pressed now."""
        return self._props.get("aria-disabled") != "true" and self._props.get("aria-busy") != "true"

    def allow(self, possible: bool) -> None:
        """Say whether it can be pressed."""
        self._set("aria-disabled", None if possible else "true")

    def say(self, text: str, *, busy: bool = False) -> None:
        """Say something else; while it is busy a further press does nothing."""
        if self._word is not None:
            self._word.text = text
        self._set("aria-busy", "true" if busy else None)

    def focus(self) -> None:
        """Put the keyboard's focus onto it."""
        self.client.run_javascript(f"document.getElementById('{self.html_id}')?.focus()")

    def _set(self, name: str, value: str | None) -> None:
        if self._props.get(name) != value:
            self._props.set_optional(name, value)

    async def _press(self) -> None:
        if self.possible:
            done = self._action()
            if isawaitable(done):
                await done
