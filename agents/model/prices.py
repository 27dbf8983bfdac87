"""The cost of model calls in dollars, if the price is known."""

from decimal import Decimal
from functools import lru_cache

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import AbstractUsage

from recursor.agents.model.ollama import costs_nothing
from recursor.agents.model.provider_names import family


def dollars(model: str, usage: AbstractUsage) -> Decimal | None:
    """Return the price of a call in US dollars, or None if unknown.

    Args:
        model: the model's name, for example `openai:gpt-5-mini`.
        usage: its tokens.

    Raises:
        ValueError: the usage is impossible, for example with more cached tokens than tokens.
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
    """Return the maximum cost of a call with these tokens in US dollars, or None if unknown."""
    return dollars(model, PricedUsage(input_tokens=input_tokens, output_tokens=output_tokens))


def known_models(provider: str) -> list[str]:
    """Return the models of a provider with a known price, without its name."""
    try:
        found = get_snapshot().find_provider(None, family(provider), None)
    except LookupError:
        return []
    return [model.id for model in found.models]


@lru_cache(maxsize=256)
def _is_priced(provider: str, name: str) -> bool:
    # The table caches known models, but searches everything for unknown ones.
    try:
        get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return False
    return True
