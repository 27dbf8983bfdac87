"""A choice of one among a few, shown side by side."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable

from nicegui.element import Element
from nicegui.events import GenericEventArguments


class Segments(Element, component="segments.js"):
    """A group of buttons of which one is pressed."""

    def __init__(
        self,
        label: str,
        options: Mapping[str, str],
        chosen: str,
        on_choose: Callable[[str], Awaitable[None] | None],
    ) -> None:
        """Create it.

        Args:
            label: the subject of the choice, for screen readers.
            options: value → shown text.
            chosen: the value that is pressed.
            on_choose: called with the value after a person pressed another.
        """
        super().__init__()
        self._options = dict(options)
        self._on_choose = on_choose
        self._props.update({"label": label, "chosen": chosen if chosen in options else next(iter(options))})
        self.count({})
        self.on("chosen", self._choose)

    @property
    def chosen(self) -> str:
        """The value that is pressed."""
        return str(self._props["chosen"])

    def choose(self, value: str) -> None:
        """Press another; an unknown value presses the first."""
        value = value if value in self._options else next(iter(self._options))
        if self._props["chosen"] != value:
            self._props["chosen"] = value

    def count(self, counts: Mapping[str, int]) -> None:
        """Show the number for each."""
        listed = [
            {"value": value, "text": text, "count": counts.get(value)}
            for value, text in self._options.items()
        ]
        if self._props.get("options") != listed:
            self._props["options"] = listed

    async def _choose(self, event: GenericEventArguments) -> None:
        with self._props.suspend_updates():
            self._props["chosen"] = str(event.args)
        done = self._on_choose(self.chosen)
        if isawaitable(done):
            await done
