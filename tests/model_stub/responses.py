"""Responses as OpenAI's newer API has them, whole or as a stream (its API reference, Responses)."""

from collections.abc import Iterator
from typing import Any

from tests.model_stub import completions
from tests.model_stub.answers import Answer, Call
from tests.model_stub.saying import pieces, said, taken

LAST_WORDS = b""

problem = completions.problem


def billed_tokens(call: Call, answer: Answer) -> int:
    """Return the tokens of both directions together."""
    return sum(_taken(call, answer))


def whole(call: Call, answer: Answer) -> dict[str, Any]:
    """Return a response in one piece."""
    content = [{"type": "output_text", "text": said(answer), "annotations": []}]
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }
    response = {**_frame(call, "completed"), "output": [message]}
    if answer.reports_usage:
        question, made = _taken(call, answer)
        response["usage"] = {
            "input_tokens": question,
            "input_tokens_details": {"cached_tokens": answer.cached_tokens},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": question + made,
        }
    return response


def events(call: Call, answer: Answer) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield a response in the pieces of a stream."""
    yield _event("response.created", response={**_frame(call, "in_progress"), "output": [], "usage": None})
    for piece in pieces(answer):
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        yield _event("response.output_text.delta", **where, delta=piece)
    if answer.says_why_it_ends:
        yield _event("response.completed", response=whole(call, answer))


def _taken(call: Call, answer: Answer) -> tuple[int, int]:
    return taken(call, answer, call.body.get("max_output_tokens"))


def _event(kind: str, **content: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"type": kind, **content}


def _frame(call: Call, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{call.number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": call.model,
    }
