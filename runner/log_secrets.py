"""Which texts must not be read in a log, and how they are blacked out."""

from collections.abc import Iterable, Mapping

import orjson

# Variables of these names hold what must not be read in a log.
_SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "OTLP_HEADERS")
# Shorter ones would black out words that mean something else.
_SHORTEST_SECRET = 8

REDACTED = "[redacted]"


def known_secrets(environment: Mapping[str, str], *more: str | None) -> list[str]:
    """Return what must not be read in a log: the values of variables with telling names, and `more`.

    The longest come first: one that begins another would leave the rest of it to be read.
    """
    named = [value for name, value in environment.items() if any(part in name for part in _SECRET_NAMES)]
    known = {text for text in (*named, *more) if text and len(text) >= _SHORTEST_SECRET}
    return sorted(known, key=lambda secret: (-len(secret), secret))


def in_json(secrets: Iterable[str]) -> list[str]:
    """Return secrets with the ways in which they may stand in JSON."""
    known = list(secrets)
    return [*known, *(orjson.dumps(secret).decode()[1:-1] for secret in known)]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text with each of some others blacked out."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text
