"""Points in time."""

from typing import Literal

from nicegui.element import Element

How = Literal["at", "ago", "in", "for"]


class Moment(Element, component="moment.js"):
    """A time in the browser's time zone and language; "ago", "in" and "for" update by themselves."""

    def __init__(
        self, at: float | None, how: How = "at", *, until: float | None = None, otherwise: str = "—"
    ) -> None:
        """Create it.

        Args:
            at: seconds since the epoch, UTC; None if there is none.
            how: show the time itself, how long ago it was, how far ahead it is, or how long something has
                lasted.
            until: the end, for "for"; None if it lasts.
            otherwise: the text if there is no time.
        """
        super().__init__()
        self._props.update({"how": how, "otherwise": otherwise})
        self.show(at, until)

    def show(self, at: float | None, until: float | None = None) -> None:
        """Show another time; nothing is sent if it is unchanged."""
        for name, value in (("at", at), ("until", until)):
            if self._props.get(name) != value:
                self._props.set_optional(name, value)
