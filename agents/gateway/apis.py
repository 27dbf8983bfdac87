"""The three APIs that agents speak: where a request says what it may cost, and an answer what it has cost."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json, to_json

Name = Literal["chat", "responses", "messages"]
Body = dict[str, Any]

_PATHS: dict[str, Name] = {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages"}

# Anthropic's tools that the client carries out. Others run at the provider, and cost what no answer says.
_CLIENT_TOOL = re.compile(r"^(custom|bash_|text_editor_|computer_|memory_)")

# Parts of a question whose size does not bound their tokens: images, sounds, references to content elsewhere.
_UNBOUNDED = frozenset({
    "container_upload", "document", "file", "image", "image_url", "input_audio", "input_file", "input_image",
    "item_reference",
})  # fmt: skip
_CONTINUED = ("previous_response_id", "conversation")
_QUESTION = ("system", "messages", "input", "instructions")


def api_of(path: str) -> Name | None:
    """Return the API of a path, with or without the version before it."""
    return _PATHS.get(path.removeprefix("/v1"))


def speaks_anthropic(path: str, headers: Mapping[str, str]) -> bool:
    """Return whether a client expects Anthropic's format."""
    return "anthropic-version" in headers or path.removeprefix("/v1").startswith("/messages")


def error(anthropic: bool, status: int, text: str) -> bytes:
    """Return an error in the format of its API."""
    if anthropic:
        kind = _ANTHROPIC_KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return to_json({"type": "error", "error": {"type": kind, "message": text}})
    kind = _OPENAI_KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return to_json({"error": {"message": text, "type": kind, "param": None, "code": kind}})


def error_event(api: Name, status: int, text: str) -> bytes:
    """Return an error in the midst of a stream."""
    if api == "responses":
        data = to_json({"type": "error", "code": "server_error", "message": text, "param": None})
    else:
        data = error(api == "messages", status, text)
    return (b"" if api == "chat" else b"event: error\n") + b"data: " + data + b"\n\n"


_ANTHROPIC_KINDS = {
    401: "authentication_error",
    402: "billing_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_OPENAI_KINDS = {
    401: "invalid_api_key",
    402: "insufficient_quota",
    404: "not_found",
    429: "rate_limit_exceeded",
}


@dataclass(frozen=True, slots=True)
class Api:
    """One of the APIs."""

    name: Name
    path: str
    """After the address of the provider."""
    limits: tuple[str, ...]
    """The fields with the most tokens of an answer; the last is set if none is given."""
    uncountable: Callable[[Body], str | None]
    """Returns which part of a request makes its cost unknown."""

    def output_tokens(self, body: Body, usual: int) -> int:
        """Return the most tokens that a request can have answered, having set the limit if there is none.

        Raises:
            ValueError: the limit is no number of tokens.
        """
        asked = [body[name] for name in self.limits if body.get(name) is not None]
        if not asked:
            body[self.limits[-1]] = usual
            asked = [usual]
        choices = 1 if body.get("n") is None else body["n"]
        for number in (*asked, choices):
            if type(number) is not int or not 1 <= number <= 10**7:
                raise ValueError(f"{' or '.join(self.limits)}, and n, must be whole numbers, at least 1")
        return int(max(asked)) * int(choices)


def _uncountable_chat(body: Body) -> str | None:
    if body.get("web_search_options") is not None:
        return "web_search_options"
    if body.get("audio") is not None or "audio" in _list(body.get("modalities")):
        return "audio"
    return _dear_tier(body) or _foreign_tool(body, ("function", "custom"))


def _uncountable_responses(body: Body) -> str | None:
    if body.get("background"):
        return "background"
    if body.get("prompt") is not None:
        return "prompt"
    return _dear_tier(body) or _foreign_tool(
        body, ("function", "custom", "local_shell", "apply_patch", "shell", "namespace")
    )


def _uncountable_messages(body: Body) -> str | None:
    for name in ("mcp_servers", "container", "speed", "inference_geo"):
        if body.get(name):
            return name
    for tool in _list(body.get("tools")):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind is not None and not _CLIENT_TOOL.match(str(kind)):
            return f"the tool {kind}"
    return None


def _dear_tier(body: Body) -> str | None:
    tier = body.get("service_tier")
    return None if tier in (None, "auto", "default", "flex") else f"service_tier {tier}"


def _foreign_tool(body: Body, known: tuple[str, ...]) -> str | None:
    for tool in _list(body.get("tools")):
        kind = tool.get("type", "function") if isinstance(tool, dict) else None
        if kind == "namespace" and kind in known:
            # A group of tools, in which there is no other group.
            within = tuple(each for each in known if each != kind)
            if (foreign := _foreign_tool(tool, within)) is not None:
                return foreign
        elif kind not in known:
            return f"the tool {kind}"
    return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


APIS: dict[Name, Api] = {
    "chat": Api("chat", "chat/completions", ("max_tokens", "max_completion_tokens"), _uncountable_chat),
    "responses": Api("responses", "responses", ("max_output_tokens",), _uncountable_responses),
    "messages": Api("messages", "v1/messages", ("max_tokens",), _uncountable_messages),
}


def is_bounded_by_its_size(body: Body) -> bool:
    """Return whether a request has no more input tokens than bytes, as text does, but not an image."""
    if any(body.get(name) is not None for name in _CONTINUED):
        return False
    waiting = [body.get(name) for name in _QUESTION]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            kind = each.get("type")
            if kind in _UNBOUNDED:
                return False
            # What a tool is called with may look like anything.
            waiting += [value for name, value in each.items() if kind != "tool_use" or name != "input"]
        elif isinstance(each, list):
            waiting += each
    return True


class ToldUsage:
    """What an answer says of its cost, as it passes."""

    def __init__(self, api: Name) -> None:
        """Begin an answer."""
        self._api = api
        self._begun = b""
        self._usage: Body = {}
        self.is_complete = False
        """Whether the answer was marked as complete."""

    def whole(self, body: bytes) -> None:
        """Take a whole answer."""
        try:
            content = from_json(body)
        except ValueError:
            return
        if isinstance(content, dict):
            self._note(content.get("usage"))
            self.is_complete = True

    def events(self, data: bytes) -> Iterator[bytes]:
        """Take the next part of a stream, and return the events that it completes, unchanged."""
        looked_at = max(len(self._begun) - 3, 0)
        self._begun += data
        while match := _EVENT_END.search(self._begun, looked_at):
            event, self._begun = self._begun[: match.end()], self._begun[match.end() :]
            looked_at = 0
            self._read(event)
            yield event
        if len(self._begun) > _MOST_EVENT:
            # It is no stream of these APIs; what it costs is not known then.
            yield self.rest
            self._begun = b""

    @property
    def usage(self) -> Body | None:
        """What was used, as the API has it; None if the answer has not said it."""
        numbers = [self._usage.get(name) for name in _COUNTS[self._api]]
        return self._usage if all(type(number) is int for number in numbers) else None

    @property
    def rest(self) -> bytes:
        """The beginning of an event."""
        return self._begun

    def _read(self, event: bytes) -> None:
        data = b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
        if data == b"[DONE]":
            self.is_complete = True
        if b'"usage"' not in data and b'"type"' not in data and b'"finish_reason"' not in data:
            return
        try:
            content = from_json(data)
        except ValueError:
            return
        if isinstance(content, dict):
            kind = content.get("type")
            inner = content.get("message") if kind == "message_start" else content.get("response")
            holder = inner if isinstance(inner, dict) else content.get("x_groq") or content
            self._note(holder.get("usage") if isinstance(holder, dict) else None)
            self.is_complete = self.is_complete or kind in _LAST or _is_finished(content)

    def _note(self, usage: object) -> None:
        # Anthropic tells it in parts; others tell the whole again.
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}


_COUNTS: dict[Name, tuple[str, str]] = {
    "chat": ("prompt_tokens", "completion_tokens"),
    "responses": ("input_tokens", "output_tokens"),
    "messages": ("input_tokens", "output_tokens"),
}
# Bytes: the last event of a response holds all of it.
_MOST_EVENT = 32 * 2**20
_EVENT_END = re.compile(rb"\r?\n\r?\n")
_LAST = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})


def _is_finished(chunk: Body) -> bool:
    """Return whether a part of a chat says why it ends."""
    choices = _list(chunk.get("choices"))
    return any(isinstance(each, dict) and each.get("finish_reason") for each in choices)


def is_only_usage(event: bytes) -> bool:
    """Return whether an event of a chat says nothing but the usage, which not every client expects."""
    if b'"choices"' not in event or b'"usage"' not in event:
        return False
    try:
        content = from_json(event.partition(b"data:")[2])
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("choices") == [] and bool(content.get("usage"))
