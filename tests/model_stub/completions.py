"""Chat completions as OpenAI's API has them: what they hold, whole or as a stream, and what they cost."""

import json
from collections.abc import Iterator
from typing import Any

from tests.model_stub.answers import Answer, Call


def usage(call: Call, answer: Answer) -> dict[str, int]:
    """Return what a call costs, in tokens."""
    said = _content(call, answer)
    most = call.body.get("max_completion_tokens") or call.body.get("max_tokens") or len(said)
    given, taken = answer.input_tokens, answer.output_tokens
    prompt = call.size // 4 if given is None else given
    completion = min(len(said) // 4 + 1, most) if taken is None else taken
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def billed_tokens(call: Call, answer: Answer) -> int:
    """Return the tokens of both directions together."""
    return usage(call, answer)["total_tokens"]


def whole(call: Call, answer: Answer) -> dict[str, Any]:
    """Return a completion in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if answer.arguments is None:
        message["content"] = answer.text
    else:
        message["tool_calls"] = [_tool_call(call, answer, _content(call, answer))]
    completion = _frame(call, "chat.completion")
    completion["choices"] = [{"index": 0, "message": message, "finish_reason": _finish(answer)}]
    if answer.reports_usage:
        completion["usage"] = usage(call, answer)
    return completion


def chunks(call: Call, answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield a completion in the pieces of a stream."""
    said = _content(call, answer)
    pieces = [said[at : at + answer.piece] for at in range(0, len(said), answer.piece)] or [""]
    for number, piece in enumerate(pieces):
        delta: dict[str, Any] = {"role": "assistant"} if number == 0 else {}
        if answer.arguments is None:
            delta["content"] = piece
        elif number == 0:
            delta["tool_calls"] = [_tool_call(call, answer, piece)]
        else:
            delta["tool_calls"] = [{"index": 0, "function": {"arguments": piece}}]
        yield _chunk(call, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(call, [{"index": 0, "delta": {}, "finish_reason": _finish(answer)}])
    if answer.reports_usage:
        yield {**_chunk(call, []), "usage": usage(call, answer)}


def _content(call: Call, answer: Answer) -> str:
    del call
    if answer.arguments is None:
        return answer.text
    return answer.arguments if isinstance(answer.arguments, str) else json.dumps(answer.arguments)


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


def _chunk(call: Call, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_frame(call, "chat.completion.chunk"), "choices": choices}


def _frame(call: Call, kind: str) -> dict[str, Any]:
    return {"id": f"stub-{call.number}", "object": kind, "created": 1_700_000_000, "model": call.model}
