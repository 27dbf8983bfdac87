"""Builds what a model is shown of a stack so that it fits, and says what it leaves out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from recursor.domain.errors import InvalidInputError

# A part of a text that is shorter than this many bytes tells nothing.
LEAST_PART = 200
# Of a text of which only a part is shown: how much of it is its beginning.
HEAD_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be shown."""

    text: str
    id: str = ""
    """What it is of, for who wants to know whether it was shown."""


@dataclass(frozen=True, slots=True)
class PromptSection:
    """Things of one kind. They are data, whoever wrote them: the model is told so."""

    name: str
    title: str
    items: tuple[Item, ...] = ()
    """The newest or most relevant first."""
    share: float = 0.2
    """How much of all room it takes, as long as other sections need theirs."""
    cut: bool = False
    """Whether what does not fit is shown in part, instead of not at all, where nothing else is shown."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is shown."""

    text: str
    shown: dict[str, tuple[str, ...]]
    """The ids of what is shown, in full or in part, by section."""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many things are not shown at all, by section; only where there are any."""
    cut: frozenset[str] = frozenset()
    """The sections of which something is shown in part."""


def fit(sections: Sequence[PromptSection], room: int) -> Context:
    """Show as much as fits.

    Every section first gets its share; what is left then goes to the sections in their order.

    Args:
        sections: the most important first.
        room: bytes of UTF-8.

    Raises:
        InvalidInputError: not even the titles fit.
    """
    drafts = [_Draft(section) for section in sections]
    left = room - sum(draft.overhead for draft in drafts)
    if left < 0:
        raise InvalidInputError(
            f"context: {room:,} bytes leave no room for what is to be shown: raise model.context_tokens"
        )
    whole = left
    for draft in drafts:
        left -= draft.begin(min(left, int(whole * draft.section.share)))
    for draft in drafts:
        left += draft.held
        left -= draft.finish(left)
    return Context(
        text="\n\n".join(draft.render() for draft in drafts),
        shown={draft.section.name: tuple(item.id for item in draft.shown) for draft in drafts},
        left_out={d.section.name: d.left_out for d in drafts if d.left_out},
        cut=frozenset(draft.section.name for draft in drafts if draft.part is not None),
    )


class _Draft:
    """A section as it fills."""

    def __init__(self, section: PromptSection) -> None:
        self.section = section
        self.shown: list[Item] = []
        self.part: str | None = None
        self.held = 0
        """Bytes that are kept for a part of the first item."""
        self.overhead = _size(self._frame("", left_out=len(section.items))) + 2

    @property
    def left_out(self) -> int:
        return len(self.section.items) - len(self.shown)

    def begin(self, room: int) -> int:
        """Show what fits; returns the bytes of `room` that are used, or kept for a part of the first item."""
        used = self._take(room)
        if not self.shown and self.section.items and self.section.cut:
            self.held = room
        return used + self.held

    def finish(self, room: int) -> int:
        """Show further items, or a part of the first; returns the bytes of `room` that are used."""
        used = self._take(room)
        if not self.shown and self.section.items and self.section.cut and room >= LEAST_PART:
            self.part = _part_of(self.section.items[0].text, room - 1)
            self.shown.append(self.section.items[0])
            return _size(self.part) + 1
        return used

    def _take(self, room: int) -> int:
        used = 0
        for item in self.section.items[len(self.shown) :]:
            cost = _size(item.text) + 1
            if used + cost > room:
                break
            self.shown.append(item)
            used += cost
        return used

    def render(self) -> str:
        texts = [item.text for item in self.shown]
        if self.part is not None:
            texts[-1] = self.part
        return self._frame("\n".join(texts), self.left_out)

    def _frame(self, body: str, left_out: int) -> str:
        items, title = len(self.section.items), self.section.title
        if not items:
            return f"## {title}\nNone."
        counted = f" ({left_out:,} of {items:,} left out for want of room)" if left_out else ""
        # Nobody can write a text that holds its own hash: what is inside cannot end the block.
        mark = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:16]
        return f"## {title}{counted}\n<<<data {mark}\n{body}\n{mark} data>>>"


def _part_of(text: str, room: int) -> str:
    """Return the beginning and the end of `text`, in at most `room` bytes, with a mark between them."""
    raw = text.encode("utf-8", "replace")
    room -= _size(_gap(len(text), len(text)))
    head = raw[: int(room * HEAD_SHARE)].decode("utf-8", "ignore")
    tail = raw[len(raw) - (room - int(room * HEAD_SHARE)) :].decode("utf-8", "ignore")
    return head + _gap(len(text) - len(head) - len(tail), len(text)) + tail


def _gap(missing: int, of: int) -> str:
    return f"\n[... {missing:,} of {of:,} characters are left out here for want of room ...]\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
