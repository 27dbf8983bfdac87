"""Messages as Anthropic's API has them, whole or as a stream (its API reference, Messages)."""

import json
from collections.abc import Iterator
from typing import Any

from tests.model_stub.answers import Answer, Call
from tests.model_stub.saying import pieces, said, taken

LAST_WORDS = b""

_KINDS = {
    401: "authentication_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def billed_tokens(call: Call, answer: Answer) -> int:
    """Return the tokens of both directions together."""
    return sum(taken(call, answer, call.body.get("max_tokens")))


def whole(call: Call, answer: Answer) -> dict[str, Any]:
    """Return a message in one piece."""
    block = _block(call, answer)
    if not _calls_tool(call, answer):
        block["text"] = said(answer)
    else:
        block["input"] = json.loads(said(answer))
    usage = {**_asked(call, answer), **_answered(call, answer)}
    return {**_frame(call, usage), "content": [block], "stop_reason": _reason(call, answer)}


def events(call: Call, answer: Answer) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield a message in the pieces of a stream."""
    yield _event("message_start", message=_frame(call, {**_asked(call, answer), "output_tokens": 1}))
    yield _event("content_block_start", index=0, content_block=_block(call, answer))
    for piece in pieces(answer):
        if _calls_tool(call, answer):
            delta = {"type": "input_json_delta", "partial_json": piece}
        else:
            delta = {"type": "text_delta", "text": piece}
        yield _event("content_block_delta", index=0, delta=delta)
    yield _event("content_block_stop", index=0)
    delta = {"stop_reason": _reason(call, answer)}
    yield _event("message_delta", delta=delta, usage=_answered(call, answer))
    yield _event("message_stop")


def problem(answer: Answer) -> dict[str, Any]:
    """Return what is said instead of an answer."""
    kind = _KINDS.get(answer.status, "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": answer.text}, "request_id": "req_1"}


def _event(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"type": kind, **fields}


def _frame(call: Call, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": f"msg_{call.number}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _calls_tool(call: Call, answer: Answer) -> bool:
    # Its newer models are asked for text that has a form, instead of for the call of a tool.
    return answer.arguments is not None and bool(call.body.get("tools"))


def _block(call: Call, answer: Answer) -> dict[str, Any]:
    if not _calls_tool(call, answer):
        return {"type": "text", "text": ""}
    name = answer.tool or call.body["tools"][0]["name"]
    return {"type": "tool_use", "id": f"toolu_{call.number}", "name": name, "input": {}}


def _asked(call: Call, answer: Answer) -> dict[str, int]:
    question, _ = taken(call, answer, None)
    # What comes from the cache is counted beside the rest.
    return {
        "input_tokens": question - answer.cached_tokens,
        "cache_read_input_tokens": answer.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _answered(call: Call, answer: Answer) -> dict[str, int]:
    _, made = taken(call, answer, call.body.get("max_tokens"))
    return {"output_tokens": made}


def _reason(call: Call, answer: Answer) -> str:
    if answer.finish == "length":
        return "max_tokens"
    return "tool_use" if _calls_tool(call, answer) else "end_turn"
