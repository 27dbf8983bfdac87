"""The ways of asking that the stub understands: whose request it is, and how that provider answers it."""

from collections.abc import Iterator
from typing import Any, Protocol

from tests.model_stub import completions, generate_content, messages, responses
from tests.model_stub.answers import Answer, Call

Event = tuple[str | None, dict[str, Any]]
"""One of a stream: its name, if events have names, and what it says."""


class Dialect(Protocol):
    """What a module of this package has that speaks as a provider does."""

    LAST_WORDS: bytes
    """What follows the last event of a stream."""

    def billed_tokens(self, call: Call, answer: Answer) -> int:
        """Return the tokens of both directions together."""
        ...

    def whole(self, call: Call, answer: Answer) -> dict[str, Any]:
        """Return an answer in one piece."""
        ...

    def events(self, call: Call, answer: Answer) -> Iterator[Event]:
        """Yield an answer in the pieces of a stream."""
        ...

    def problem(self, answer: Answer) -> dict[str, Any]:
        """Return what the body says when the status is none of success."""
        ...


def dialect_of(path: str) -> Dialect:
    """Return the way of asking that belongs to the path of a request."""
    if path.partition("?")[0].endswith("/messages"):
        return messages
    if path.partition("?")[0].endswith("/responses"):
        return responses
    if "enerateContent" in path:
        return generate_content
    return completions


def streams(path: str, body: dict[str, Any]) -> bool:
    """Return whether the answer is to come as a stream."""
    return bool(body.get("stream")) or "streamGenerateContent" in path


def model_of(path: str, body: dict[str, Any]) -> str:
    """Return the model that is asked."""
    named = path.rpartition("/")[2].partition(":")[0] if "enerateContent" in path else ""
    return str(body.get("model", named))
