"""The size of a model's context, and its division between question and answer."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from genai_prices import Usage, calc_price
from pydantic import TypeAdapter

from recursor.domain.settings import ModelSettings
from recursor.domain.spending import AgentFailedError

# A token of English has four bytes, one of code or Chinese three: three is a safe estimate.
BYTES_PER_TOKEN = 3
# For unknown models. Most current models take far more; `model.context_tokens` sets it.
UNKNOWN_WINDOW = 8_192
# An answer may take at most this fraction of the window.
ANSWER_SHARE = 4
# Tokens of separators between the parts of a request.
OVERHEAD = 100
# With less than this, asking is not worth it.
LEAST_QUESTION = 150


@dataclass(frozen=True, slots=True)
class Room:
    """The tokens for a question and its answer."""

    question: int
    answer: int
    ends: str
    """The limit of an answer, with its remedy: `model.output_tokens`, or the model's window."""

    @property
    def question_bytes(self) -> int:
        """The bytes of UTF-8 for the question."""
        return self.question * BYTES_PER_TOKEN


def tokens_of(text: str) -> int:
    """Return a safe estimate of the tokens in `text`."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def window_of(settings: ModelSettings, role: str) -> int:
    """Return the tokens for a question and its answer, whichever of the models answers."""
    if settings.context_tokens is not None:
        return settings.context_tokens
    return min(known_window(name) or UNKNOWN_WINDOW for name in settings.chain_of(role))


def room_for(settings: ModelSettings, role: str, instructions: str, output: Any) -> Room:
    """Return the room for a question and its answer.

    There is also room for a rejected answer and the comment on it.

    Args:
        settings: the stack's model settings.
        role: the role that asks.
        instructions: sent with every question.
        output: the type of the answer; its schema is sent, too.

    Raises:
        AgentFailedError: there is no room for a question.
    """
    window = window_of(settings, role)
    answer = min(settings.output_tokens, window // ANSWER_SHARE)
    ends = end_by_setting(settings) if answer == settings.output_tokens else _end_by_window(settings, role)
    spare = min(answer, window // (2 * ANSWER_SHARE))
    fixed = tokens_of(instructions) + _schema_tokens(output) + OVERHEAD
    question = window - answer - spare - fixed
    if question < LEAST_QUESTION:
        raise AgentFailedError(
            f"{settings.of(role)}: {window:,} tokens leave no room for the {role}'s question beside "
            f"{fixed:,} of instructions and {answer + spare:,} for answers: raise model.context_tokens, "
            "or use a larger model",
            suspend=True,
        )
    return Room(question, answer, ends)


def end_by_setting(settings: ModelSettings) -> str:
    """Return the limit of an answer if only its own setting limits it."""
    return f"model.output_tokens = {settings.output_tokens:,}: raise it"


def _end_by_window(settings: ModelSettings, role: str) -> str:
    window = window_of(settings, role)
    tokens = f"{window // ANSWER_SHARE:,} tokens, a quarter of"
    if settings.context_tokens is not None:
        return f"{tokens} model.context_tokens = {window:,}: raise it, or use a model that takes more"
    smallest = min(settings.chain_of(role), key=lambda name: known_window(name) or UNKNOWN_WINDOW)
    if known_window(smallest) is None:
        return (
            f"{tokens} the {window:,} assumed for {smallest}, which is unknown: "
            "set model.context_tokens to its real size"
        )
    return f"{tokens} the {window:,} that {smallest} takes in total: use a model that takes more"


@lru_cache(maxsize=128)
def _schema_tokens(output: Any) -> int:
    # Making a schema takes milliseconds, which would delay every run of an agent.
    return tokens_of(json.dumps(TypeAdapter(output).json_schema()))


@lru_cache(maxsize=256)
def known_window(model: str) -> int | None:
    """Return the most tokens of a question with its answer, if they are known."""
    provider, _, name = model.partition(":")
    try:
        return calc_price(Usage(), name, provider_id=provider.split("-", 1)[0]).model.context_window
    except LookupError:
        return None
