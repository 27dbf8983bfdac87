"""Names of the same provider, and addresses of the same server."""

from urllib.parse import urlsplit

from recursor.domain.rates import Rate, Rates

_FAMILIES = {"openai-chat": "openai", "openai-responses": "openai"}
_PORTS = {"http": 80, "https": 443}

# This machine makes one call at a time by default.
DEFAULT_RATES: Rates = {"local": Rate(concurrent=1)}


def family(provider: str) -> str:
    """Return the provider behind a name: it has one key, one price list, and one set of limits."""
    return _FAMILIES.get(provider, provider)


def members(family: str) -> frozenset[str]:
    """Return all names of a provider."""
    return frozenset({family, *(name for name, of in _FAMILIES.items() if of == family)})


def is_local(name: str) -> bool:
    """Return whether a model is in a file, which is loaded at its first call."""
    return name.startswith("local:")


def folded(name: str) -> str:
    """Return a provider or a model by its provider's primary name: `openai:a` for `openai-chat:a`."""
    provider, mark, model = name.partition(":")
    return f"{family(provider)}{mark}{model}"


def default_port(scheme: str) -> int | None:
    """Return the default port of an address."""
    return _PORTS.get(scheme)


def address(url: str | None) -> str | None:
    """Return an address in its canonical form."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port not in (None, _PORTS.get(parts.scheme)) else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}{query}"


def all_rates(given: Rates) -> dict[str, Rate]:
    """Return the effective rates: the strictest per provider or model, over the defaults."""
    rates: dict[str, Rate] = {}
    for name, rate in given.items():
        known = rates.get(folded(name))
        rates[folded(name)] = rate if known is None else _strictest(known, rate)
    for name, usual in DEFAULT_RATES.items():
        limits = {what: most for what, most in rates.get(name, Rate()) if most is not None}
        rates[name] = usual.but(**limits)
    return rates


def _strictest(one: Rate, other: Rate) -> Rate:
    limits = {}
    for (what, first), (_, second) in zip(one, other, strict=True):
        given = [most for most in (first, second) if most is not None]
        limits[what] = min(given, default=None)
    return one.but(**limits)
