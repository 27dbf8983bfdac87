"""The secrets that must not appear in a log, and their removal."""

from collections.abc import Iterable, Mapping

import orjson

# Variables with such names hold secrets.
_SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "OTLP_HEADERS")
# Shorter values would black out unrelated words.
_SHORTEST_SECRET = 8

REDACTED = "[redacted]"


def known_secrets(environment: Mapping[str, str], *more: str | None) -> list[str]:
    """Return the secrets: the values of variables with telling names, and `more`.

    The longest come first: a secret that is the beginning of another would leave its rest readable.
    """
    named = [value for name, value in environment.items() if any(part in name for part in _SECRET_NAMES)]
    known = {text for text in (*named, *more) if text and len(text) >= _SHORTEST_SECRET}
    return sorted(known, key=lambda secret: (-len(secret), secret))


def in_json(secrets: Iterable[str]) -> list[str]:
    """Return secrets with their possible forms in JSON."""
    known = list(secrets)
    return [*known, *(orjson.dumps(secret).decode()[1:-1] for secret in known)]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text with some others blacked out."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text
