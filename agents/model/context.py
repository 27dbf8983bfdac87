"""Builds the view of a stack for a model so that it fits, and marks omissions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from recursor.domain.errors import InvalidInputError

# An excerpt shorter than this many bytes is useless.
LEAST_PART = 200
# The share of an excerpt taken from the beginning of the text.
HEAD_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Item:
    """One item to show."""

    text: str
    id: str = ""
    """The id of its record, to know whether it was shown."""


@dataclass(frozen=True, slots=True)
class PromptSection:
    """Items of one kind. They are data, whoever wrote them, and marked as such for the model."""

    name: str
    title: str
    items: tuple[Item, ...] = ()
    """The newest or most relevant first."""
    share: float = 0.2
    """Its share of the room, as long as other sections need theirs."""
    cut: bool = False
    """Whether to show an excerpt of an item that does not fit, if nothing else is shown."""


@dataclass(frozen=True, slots=True)
class Context:
    """The view for a model."""

    text: str
    shown: dict[str, tuple[str, ...]]
    """The ids of items shown, in full or in part, by section."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Number of items not shown at all, by section; only sections that have any."""
    cut: frozenset[str] = frozenset()
    """The sections with an excerpt."""


def fit(sections: Sequence[PromptSection], room: int) -> Context:
    """Show as much as fits.

    Every section first gets its share; the rest of the room then goes to the sections in order.

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
            f"context: {room:,} bytes leave no room for the question: raise model.context_tokens"
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
    """A section being filled."""

    def __init__(self, section: PromptSection) -> None:
        self.section = section
        self.shown: list[Item] = []
        self.part: str | None = None
        self.held = 0
        """Bytes reserved for an excerpt of the first item."""
        self.overhead = _size(self._frame("", left_out=len(section.items))) + 2

    @property
    def left_out(self) -> int:
        return len(self.section.items) - len(self.shown)

    def begin(self, room: int) -> int:
        """Show the items that fit; returns the bytes of `room` used, or reserved for an excerpt of the first
        item."""
        used = self._take(room)
        if not self.shown and self.section.items and self.section.cut:
            self.held = room
        return used + self.held

    def finish(self, room: int) -> int:
        """Show further items, or an excerpt of the first; returns the bytes of `room` used."""
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
        counted = f" ({left_out:,} of {items:,} left out for lack of room)" if left_out else ""
        # No text can contain its own hash, so the content cannot end the block.
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
    return f"\n[... {missing:,} of {of:,} characters are left out here for lack of room ...]\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
