"""Chat completions as OpenAI's API has them, and those that are like it: whole or as a stream."""

from collections.abc import Iterator
from typing import Any

from tests.model_stub.answers import Answer, Call
from tests.model_stub.saying import pieces, said, taken

LAST_WORDS = b"data: [DONE]\n\n"


def usage(call: Call, answer: Answer) -> dict[str, Any]:
    """Return what a call costs, in tokens."""
    most = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
    question, completion = taken(call, answer, most)
    return {
        "prompt_tokens": question,
        "completion_tokens": completion,
        "total_tokens": question + completion,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }


def billed_tokens(call: Call, answer: Answer) -> int:
    """Return the tokens of both directions together."""
    return sum(taken(call, answer, call.body.get("max_completion_tokens") or call.body.get("max_tokens")))


def whole(call: Call, answer: Answer) -> dict[str, Any]:
    """Return a completion in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if answer.arguments is None:
        message["content"] = answer.text
    else:
        message["tool_calls"] = [_tool_call(call, answer, said(answer))]
    completion = _frame(call, "chat.completion")
    completion["choices"] = [{"index": 0, "message": message, "finish_reason": _finish(answer)}]
    if answer.reports_usage:
        completion["usage"] = usage(call, answer)
    return completion


def events(call: Call, answer: Answer) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield a completion in the pieces of a stream."""
    for number, piece in enumerate(pieces(answer)):
        delta: dict[str, Any] = {"role": "assistant"} if number == 0 else {}
        if answer.arguments is None:
            delta["content"] = piece
        elif number == 0:
            delta["tool_calls"] = [_tool_call(call, answer, piece)]
        else:
            delta["tool_calls"] = [{"index": 0, "function": {"arguments": piece}}]
        name, chunk = _chunk(call, [{"index": 0, "delta": delta, "finish_reason": None}])
        yield name, {**chunk, "usage": usage(call, answer)} if answer.usage_in_pieces else chunk
    if answer.says_why_it_ends:
        yield _chunk(call, [{"index": 0, "delta": {}, "finish_reason": _finish(answer)}])
    if answer.reports_usage:
        _, last = _chunk(call, [])
        told = {"usage": usage(call, answer)}
        # Groq tells it in a place of its own.
        yield None, {**last, **({"x_groq": {"id": last["id"], **told}} if "/openai/" in call.path else told)}


def problem(answer: Answer) -> dict[str, Any]:
    """Return what is said instead of an answer."""
    return {"error": {"message": answer.text, "type": "stub", "code": answer.status}}


def _finish(answer: Answer) -> str:
    return answer.finish or ("stop" if answer.arguments is None else "tool_calls")


def _tool_call(call: Call, answer: Answer, arguments: str) -> dict[str, Any]:
    tools = call.body.get("tools") or [{"function": {"name": "final_result"}}]
    name = answer.tool or tools[0]["function"]["name"]
    return {
        "index": 0,
        "id": f"call_{call.number}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _chunk(call: Call, choices: list[dict[str, Any]]) -> tuple[None, dict[str, Any]]:
    return None, {**_frame(call, "chat.completion.chunk"), "choices": choices}


def _frame(call: Call, kind: str) -> dict[str, Any]:
    return {"id": f"stub-{call.number}", "object": kind, "created": 1_700_000_000, "model": call.model}
