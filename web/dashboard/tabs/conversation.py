"""A thread of what was said."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

# Characters of a text that are shown at first: a page of 20,000 each would be all of one message.
SHOWN_CHARACTERS = 1_500

Again = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class ConversationEntry:
    """One thing that was said, or that somebody is about to say."""

    id: str
    who: str
    text: str = ""
    at: float | None = None
    """Seconds since the epoch, UTC."""
    ours: bool = False
    """Whether it stands at the right side."""
    to: str = ""
    tag: str = ""
    waiting: str = ""
    """Why there is no text yet; then there is none."""
    active: bool = False
    """Whether somebody is at work on it."""


class Conversation(Element, component="conversation.js"):
    """What was said, oldest first; a person goes back in it from its top."""

    def __init__(self, label: str, on_earlier: Again, on_whole: Again) -> None:
        """Make it, empty.

        Args:
            label: for screen readers.
            on_earlier: called when a person wants more of what was said before.
            on_whole: called when a person wants to read a long text to its end: show the same again.
        """
        super().__init__()
        self._whole: set[str] = set()
        self._props.update({"label": label, "rows": [], "earlier": False})

        async def whole(event: GenericEventArguments) -> None:
            self._whole.add(str(event.args))
            done = on_whole()
            if isawaitable(done):
                await done

        self.on("earlier", on_earlier, args=[])
        self.on("whole", whole)

    def show(self, said: Sequence[ConversationEntry], *, earlier: bool) -> None:
        """Show this; nothing is sent if it is as shown.

        Args:
            said: oldest first.
            earlier: whether there is more before it.
        """
        rows = [self._row(each) for each in said]
        if self._props["rows"] != rows:
            self._props["rows"] = rows
        if self._props["earlier"] != earlier:
            self._props["earlier"] = earlier

    def go_down(self) -> None:
        """Go to its end."""
        self.run_method("down")

    def _row(self, said: ConversationEntry) -> dict[str, Any]:
        left = max(0, len(said.text) - SHOWN_CHARACTERS)
        cut = left > 0 and said.id not in self._whole
        return {
            "id": said.id,
            "side": "right" if said.ours else "left",
            "who": said.who,
            "to": said.to,
            "tag": said.tag,
            "text": said.text[:SHOWN_CHARACTERS] + "…" if cut else said.text,
            "more": left if cut else 0,
            "at": said.at,
            "waiting": said.waiting,
            "active": said.active,
        }
