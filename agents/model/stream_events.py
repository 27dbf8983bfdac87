"""Recognises events of a stream that only continue the text before them, in each provider's format."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

_DATA = b"data: "

# The fields of Anthropic's events that hold text.
_ANTHROPIC = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
# OpenAI's Responses events with text, their identifying fields, and their other fields.
_RESPONSES = frozenset(
    f"response.{what}.delta"
    for what in ("output_text", "function_call_arguments", "reasoning_text", "reasoning_summary_text")
)
_OF_WHICH = ("item_id", "output_index", "content_index", "summary_index")
_NEVER_READ = frozenset({"sequence_number", "obfuscation"})
# Fields repeated in each chunk of a chat completion.
_CHAT = frozenset(
    {"id", "object", "created", "model", "choices", "system_fingerprint", "service_tier", "obfuscation"}
)


@dataclass(frozen=True, slots=True)
class _Place:
    """The place in an event where later events may append text."""

    holder: dict[str, Any]
    name: str
    of: tuple[object, ...]
    """The text's identity: equal in all events that continue it."""
    adds_nothing_else: bool


class Growing:
    """An event with a text, and its continuations."""

    def __init__(self, head: bytes, content: dict[str, Any], place: _Place) -> None:
        """Start with the text in `content`, which came after `head`; see `beginning`."""
        self._head = head
        self._content = content
        self._place = place
        self._texts: list[str] = [place.holder[place.name]]

    @classmethod
    def beginning(cls, event: bytes) -> "Growing | None":
        """Return `event` (without its blank line) as one that can grow, or None."""
        head, mark, data = event.rpartition(_DATA)
        # An event with several lines of data cannot be merged.
        if not mark or _DATA in head or not data.startswith(b"{") or b"\n" in data:
            return None
        try:
            content = from_json(data)
        except ValueError:
            return None
        place = _place(content)
        return None if place is None else cls(head + mark, content, place)

    def grow(self, later: "Growing") -> bool:
        """Append the text of `later` if it contains nothing else. Returns whether it did."""
        place = later._place
        grows = place.adds_nothing_else and place.of == self._place.of and later._head == self._head
        if grows:
            self._texts += later._texts
        return grows

    def event(self) -> bytes:
        """Return the event with all of the text, without its blank line."""
        if len(self._texts) > 1:
            self._place.holder[self._place.name] = "".join(self._texts)
        return self._head + to_json(self._content)


def _place(content: dict[str, Any]) -> _Place | None:
    kind = content.get("type")
    if content.get("object") == "chat.completion.chunk":
        return _in_chat(content)
    if kind == "content_block_delta":
        return _in_message(content)
    if kind in _RESPONSES and isinstance(content.get("delta"), str):
        of = (kind, *(content.get(name) for name in _OF_WHICH))
        rest = {name for name, value in content.items() if value} - {"type", "delta", *_OF_WHICH}
        return _Place(content, "delta", of, adds_nothing_else=rest <= _NEVER_READ)
    return None


def _in_message(content: dict[str, Any]) -> _Place | None:
    delta = content.get("delta")
    if not isinstance(delta, dict):
        return None
    name = _ANTHROPIC.get(delta.get("type", ""))
    if name is None or not isinstance(delta.get(name), str):
        return None
    alone = content.keys() == {"type", "index", "delta"} and len(delta) == 2
    return _Place(delta, name, (content.get("index"), name), alone)


def _in_chat(content: dict[str, Any]) -> _Place | None:
    choices = content.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if not isinstance(delta, dict) or choice.get("finish_reason") is not None:
        return None
    of = (content.get("id"), content.get("model"), choice.get("index"))
    alone = _has_only(content, _CHAT) and _has_only(choice, {"index", "delta"})
    calls = delta.get("tool_calls")
    if isinstance(calls, list) and len(calls) == 1 and isinstance(calls[0], dict):
        function = calls[0].get("function")
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            return None
        alone = alone and _has_only(delta, {"tool_calls", "role"}) and _has_only(function, {"arguments"})
        alone = alone and _has_only(calls[0], {"index", "function"})
        return _Place(function, "arguments", (*of, "call", calls[0].get("index")), alone)
    if not calls and isinstance(delta.get("content"), str):
        return _Place(delta, "content", (*of, "content"), alone and _has_only(delta, {"content", "role"}))
    return None


def _has_only(value: dict[str, Any], names: frozenset[str] | set[str]) -> bool:
    """Whether everything else in `value` is empty."""
    return all(name in names or each is None for name, each in value.items())
