"""What the stub answers a call with: text, arguments of a tool, or something that goes wrong."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


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
    BROKEN_JSON = "broken json"
    """The body, or what a stream is made of, is not JSON."""
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

    @property
    def prompt(self) -> str:
        """Everything that was said, as one text: for scripts that look for something in it."""
        return json.dumps(self.body.get("messages", []))


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
    input_tokens: int | None = None
    """None: a quarter of the request's bytes, as is about right for English."""
    output_tokens: int | None = None
    """None: a quarter of the answer's characters, but no more than were asked for."""
    reports_usage: bool = True
    piece: int = 20
    """Characters that come at a time."""


Script = Callable[[Call], Answer]


def always(answer: Answer) -> Script:
    """Return a script of one answer."""
    return lambda _call: answer


def in_turn(*answers: Answer) -> Script:
    """Return a script of several answers, the last one again and again."""
    return lambda call: answers[min(call.number, len(answers)) - 1]
