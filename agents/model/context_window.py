"""How much text a model takes, and how that is shared between the question and the answer."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from genai_prices import Usage, calc_price
from pydantic import TypeAdapter

from recursor.domain.settings import ModelSettings
from recursor.domain.spending import AgentFailedError

# A token of English stands for four bytes, one of code for three, one of Chinese for three: three is careful.
BYTES_PER_TOKEN = 3
# For models of which nothing is known. Most that are in use take far more; `model.context_tokens` says so.
UNKNOWN_WINDOW = 8_192
# What an answer may take of the window at most.
ANSWER_SHARE = 4
# Tokens of what stands between the parts of a request.
OVERHEAD = 100
# With less than this a question is not worth asking.
LEAST_QUESTION = 150


@dataclass(frozen=True, slots=True)
class Room:
    """How many tokens a question and its answer may take."""

    question: int
    answer: int
    ends: str
    """What an answer ends at, with its remedy: `model.output_tokens`, or what the model takes in all."""

    @property
    def question_bytes(self) -> int:
        """How many bytes of UTF-8 the question may have."""
        return self.question * BYTES_PER_TOKEN


def tokens_of(text: str) -> int:
    """Return how many tokens `text` has, by a careful estimate."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def window_of(settings: ModelSettings, role: str) -> int:
    """Return how many tokens a question and its answer may have together, whichever of the models answers."""
    if settings.context_tokens is not None:
        return settings.context_tokens
    return min(_known_window(name) or UNKNOWN_WINDOW for name in settings.chain_of(role))


def room_for(settings: ModelSettings, role: str, instructions: str, output: Any) -> Room:
    """Return how much room there is.

    Besides one answer there is room for another that was not right, and for what is said about it.

    Args:
        settings: the stack's.
        role: who asks.
        instructions: what is sent with every question.
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
            "or take a larger model",
            suspend=True,
        )
    return Room(question, answer, ends)


def end_by_setting(settings: ModelSettings) -> str:
    """Return what an answer ends at where nothing but its own setting limits it."""
    return f"model.output_tokens = {settings.output_tokens:,}: raise it"


def _end_by_window(settings: ModelSettings, role: str) -> str:
    window = window_of(settings, role)
    tokens = f"{window // ANSWER_SHARE:,} tokens, a quarter of"
    if settings.context_tokens is not None:
        return f"{tokens} model.context_tokens = {window:,}: raise that, or take a model that takes more"
    smallest = min(settings.chain_of(role), key=lambda name: _known_window(name) or UNKNOWN_WINDOW)
    if _known_window(smallest) is None:
        return (
            f"{tokens} the {window:,} that {smallest} is taken to have, as nothing is known of it: "
            "set model.context_tokens to what it takes"
        )
    return f"{tokens} the {window:,} that {smallest} takes in all: take a model that takes more"


@lru_cache(maxsize=128)
def _schema_tokens(output: Any) -> int:
    # Making a schema takes milliseconds, which every run of an agent would wait for.
    return tokens_of(json.dumps(TypeAdapter(output).json_schema()))


@lru_cache(maxsize=256)
def _known_window(model: str) -> int | None:
    provider, _, name = model.partition(":")
    try:
        return calc_price(Usage(), name, provider_id=provider.split("-", 1)[0]).model.context_window
    except LookupError:
        return None
