"""A thread of messages."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

# Characters of a text shown at first: at 20,000 characters, one message could fill a page.
SHOWN_CHARACTERS = 1_500

Again = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class ConversationEntry:
    """A message, or an answer in progress."""

    id: str
    who: str
    text: str = ""
    at: float | None = None
    """Seconds since the epoch, UTC."""
    ours: bool = False
    """Whether it is on the right."""
    to: str = ""
    tag: str = ""
    waiting: str = ""
    """Why there is no text yet, if there is none."""
    active: bool = False
    """Whether an agent is working on it."""


class Conversation(Element, component="conversation.js"):
    """The messages, oldest first; a person scrolls back from the end."""

    def __init__(self, label: str, on_earlier: Again, on_whole: Again) -> None:
        """Create it, empty.

        Args:
            label: for screen readers.
            on_earlier: called when a person wants earlier messages.
            on_whole: called when a person wants the rest of a long text: show the same messages again.
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
        """Show these messages; nothing is sent if they are unchanged.

        Args:
            said: the messages, oldest first.
            earlier: whether there are earlier ones.
        """
        rows = [self._row(each) for each in said]
        if self._props["rows"] != rows:
            self._props["rows"] = rows
        if self._props["earlier"] != earlier:
            self._props["earlier"] = earlier

    def go_down(self) -> None:
        """Scroll to the end."""
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
