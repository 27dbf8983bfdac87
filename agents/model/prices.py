"""What calls of models cost: in dollars, where the price is known."""

from decimal import Decimal
from functools import lru_cache

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import AbstractUsage

from recursor.agents.model.ollama import costs_nothing
from recursor.agents.model.provider_names import family


def dollars(model: str, usage: AbstractUsage) -> Decimal | None:
    """Return the price of a call in US dollars, or None where it is not known.

    Args:
        model: the model, as people name it, for example `openai:gpt-5-mini`.
        usage: its tokens.

    Raises:
        ValueError: there cannot be such a usage, for example with more from the cache than there was.
    """
    provider, _, name = model.partition(":")
    if provider == "local":
        return Decimal(0)
    if provider == "ollama":
        return Decimal(0) if costs_nothing(name) else None
    if not _is_priced(family(provider), name):
        return None
    return calc_price(usage, name, provider_id=family(provider)).total_price


def most_dollars(model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return what a call of so many tokens costs at most, in US dollars, or None where it is not known."""
    return dollars(model, PricedUsage(input_tokens=input_tokens, output_tokens=output_tokens))


def known_models(provider: str) -> list[str]:
    """Return the models of a provider, without its name, whose price is known."""
    try:
        found = get_snapshot().find_provider(None, family(provider), None)
    except LookupError:
        return []
    return [model.id for model in found.models]


@lru_cache(maxsize=256)
def _is_priced(provider: str, name: str) -> bool:
    # The table remembers the models that it has, and searches all of it for one that it has not.
    try:
        get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return False
    return True
