"""Dialogs."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from nicegui.element import Element


class Modal(Element, component="modal.js"):
    """A dialog; create its content inside `with`. Esc and a press beside it close it."""

    def __init__(
        self,
        heading: str,
        *,
        wide: bool = False,
        on_close: Callable[[], Awaitable[None] | None] | None = None,
    ) -> None:
        """Create it, closed."""
        super().__init__()
        self._on_close = on_close
        self._props.update({"heading": heading, "wide": wide, "open": False})
        self.on("closed", self._closed, args=[])

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return bool(self._props["open"])

    def open(self, heading: str | None = None) -> None:
        """Show it."""
        if heading is not None and heading != self._props["heading"]:
            self._props["heading"] = heading
        if not self.is_open:
            self._props["open"] = True

    def close(self) -> None:
        """Hide it."""
        if self.is_open:
            self._props["open"] = False

    async def _closed(self) -> None:
        # Closed by a person; a `close` call is already known.
        if self.is_open:
            self._props["open"] = False
            if self._on_close is not None:
                done = self._on_close()
                if isawaitable(done):
                    await done
