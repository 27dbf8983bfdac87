"""Content as Google's Gemini API generates it, whole or as a stream (ai.google.dev, API reference)."""

import json
from collections.abc import Iterator
from typing import Any

from tests.model_stub.answers import Answer, Call
from tests.model_stub.saying import pieces, said, taken

LAST_WORDS = b""

_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def billed_tokens(call: Call, answer: Answer) -> int:
    """Return the tokens of both directions together."""
    return sum(_taken(call, answer))


def whole(call: Call, answer: Answer) -> dict[str, Any]:
    """Return an answer in one piece."""
    return _piece(call, answer, _parts(call, answer, said(answer)), _reason(answer))


def events(call: Call, answer: Answer) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield an answer in the pieces of a stream: of a text only, because arguments come whole."""
    told = pieces(answer) if answer.arguments is None else [said(answer)]
    for piece in told:
        yield None, _piece(call, answer, _parts(call, answer, piece), None)
    yield None, _piece(call, answer, [{"text": ""}], _reason(answer))


def problem(answer: Answer) -> dict[str, Any]:
    """Return what is said instead of an answer."""
    kind = _KINDS.get(answer.status, "UNKNOWN")
    return {"error": {"code": answer.status, "message": answer.text, "status": kind}}


def _piece(call: Call, answer: Answer, parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    piece = {"candidates": [candidate], "modelVersion": call.model, "responseId": f"stub-{call.number}"}
    if answer.reports_usage:
        question, made = _taken(call, answer)
        piece["usageMetadata"] = {
            "promptTokenCount": question,
            "cachedContentTokenCount": answer.cached_tokens,
            "candidatesTokenCount": made,
            "totalTokenCount": question + made,
        }
    return piece


def _parts(call: Call, answer: Answer, piece: str) -> list[dict[str, Any]]:
    if answer.arguments is None:
        return [{"text": piece}]
    name = answer.tool or call.body["tools"][0]["functionDeclarations"][0]["name"]
    return [{"functionCall": {"name": name, "args": json.loads(piece)}}]


def _taken(call: Call, answer: Answer) -> tuple[int, int]:
    return taken(call, answer, call.body.get("generationConfig", {}).get("maxOutputTokens"))


def _reason(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.finish == "length" else "STOP"
