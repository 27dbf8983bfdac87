"""What an answer says, and what that takes: the same for all providers."""

import json

from tests.model_stub.answers import Answer, Call


def said(answer: Answer) -> str:
    """Return the text of an answer, or the arguments as JSON."""
    if answer.arguments is None:
        return answer.text
    return answer.arguments if isinstance(answer.arguments, str) else json.dumps(answer.arguments)


def pieces(answer: Answer) -> list[str]:
    """Return it as it comes in a stream."""
    text = said(answer)
    return [text[at : at + answer.piece] for at in range(0, len(text), answer.piece)] or [""]


def taken(call: Call, answer: Answer, most: int | None) -> tuple[int, int]:
    """Return the tokens of the question and of the answer, of which at most `most` were asked for."""
    length = len(said(answer))
    given, made = answer.input_tokens, answer.output_tokens
    question = call.size // 4 if given is None else given
    if made is not None:
        return question, made
    worked = length // 4 + 1
    return question, worked if answer.ignores_limit or not most else min(worked, most)
