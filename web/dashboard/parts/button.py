"""Buttons: the browser's own."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from nicegui.element import Element

from recursor.web.dashboard.parts.boxes import Span
from recursor.web.dashboard.parts.glyph import Glyph

Action = Callable[[], Awaitable[None] | None]


class Button(Element):
    """A button with a name.

    It is never removed from the tab order: a disabled one says so, and keeps the focus.
    """

    def __init__(
        self, text: str, action: Action, *, icon: str = "", kind: str = "", label: str | None = None
    ) -> None:
        """Create it.

        Args:
            text: its text; empty for an icon alone, which needs a `label`.
            action: called when it is pressed and enabled.
            icon: a name of `glyph.js`.
            kind: "primary", "danger", "plain", or nothing special.
            label: the name for screen readers in place of the text.
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
        """Whether it is enabled."""
        return self._props.get("aria-disabled") != "true" and self._props.get("aria-busy") != "true"

    def allow(self, possible: bool) -> None:
        """Enable or disable it."""
        self._set("aria-disabled", None if possible else "true")

    def say(self, text: str, *, busy: bool = False) -> None:
        """Change its text; while it is busy, further presses do nothing."""
        if self._word is not None:
            self._word.text = text
        self._set("aria-busy", "true" if busy else None)

    def focus(self) -> None:
        """Give it the keyboard's focus."""
        self.client.run_javascript(f"document.getElementById('{self.html_id}')?.focus()")

    def _set(self, name: str, value: str | None) -> None:
        if self._props.get(name) != value:
            self._props.set_optional(name, value)

    async def _press(self) -> None:
        if self.possible:
            done = self._action()
            if isawaitable(done):
                await done
