"""What the stub answers a call with: text, arguments of a tool, or something that goes wrong."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Event
from typing import Any

# Where providers have what is said to a model.
_SAID = ("system", "systemInstruction", "messages", "contents")


class Fault(Enum):
    """What goes wrong with an answer."""

    NONE = "none"
    HANG = "hang"
    """Nothing comes, ever."""
    RESET = "reset"
    """The connection is reset before the answer begins."""
    RESET_WITHIN = "reset within"
    """The connection is reset in the middle of the answer."""
    CLOSE_WITHIN = "close within"
    """The connection is closed in the middle of the answer, as if that were its end."""
    OVERLOADED_WITHIN = "overloaded within"
    """The stream ends with an event that says that the provider is overloaded, after it has begun well."""
    BROKEN_JSON = "broken json"
    """The body, or what a stream is made of, is not JSON."""
    OPEN_END = "open end"
    """All has come, and the body is not ended."""
    DRIP = "drip"
    """A character comes now and then, without end."""


@dataclass(frozen=True)
class Call:
    """A request as it came over the wire."""

    number: int
    """Counted from 1."""
    model: str
    body: Mapping[str, Any]
    authorization: str
    """The header of that name."""
    key: str
    """The key, whichever way its provider has it sent."""
    size: int
    """Bytes of the body."""

    path: str = ""
    """What was asked, by which its provider is known."""

    @property
    def prompt(self) -> str:
        """Everything that was said, as one text: for scripts that look for something in it."""
        return json.dumps([self.body.get(part) for part in _SAID if part in self.body])

    @property
    def wants_form(self) -> bool:
        """Whether the answer is to be typed: the arguments of a tool, or a text that keeps to a schema."""
        return any(self.body.get(part) for part in ("tools", "output_config", "response_format"))

    @property
    def texts(self) -> str:
        """The texts that were shown, without what surrounds them, in the form of no provider."""
        return "\n".join(text for part in _SAID for text in _texts(self.body.get(part)))


@dataclass(frozen=True)
class Answer:
    """One answer."""

    text: str = "Done."
    """What is said; nothing, where there are arguments."""
    arguments: Any = None
    """What the first tool of the request is called with: so typed answers come."""
    tool: str | None = None
    """Another tool than the first."""
    fault: Fault = Fault.NONE
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further ones, such as Retry-After."""
    finish: str | None = None
    """Why it ends; `length` for one that was cut off."""
    latency: float = 0.0
    """Seconds before the first byte."""
    held_until: Event | None = None
    """Nothing comes before it is set."""
    input_tokens: int | None = None
    """None: a quarter of the request's bytes, as is about right for English."""
    cached_tokens: int = 0
    """Those of the question that the provider had seen before, and sells for less."""
    output_tokens: int | None = None
    """None: a quarter of the answer's characters, but no more than were asked for."""
    reports_usage: bool = True
    usage_in_pieces: bool = False
    """Each piece says what was taken so far."""
    says_why_it_ends: bool = True
    ignores_limit: bool = False
    """More is worked for than was asked for."""
    piece: int = 20
    """Characters that come at a time."""
    slowly_until: Event | None = None
    """Until it is set, there is a moment between them."""


Script = Callable[[Call], Answer]


def always(answer: Answer) -> Script:
    """Return a script of one answer."""
    return lambda _call: answer


def in_turn(*answers: Answer) -> Script:
    """Return a script of several answers, the last one again and again."""
    return lambda call: answers[min(call.number, len(answers)) - 1]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name in ("content", "text", "parts"):
            yield from _texts(value.get(name))
