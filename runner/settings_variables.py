"""Settings from environment variables: RECURSOR_<SECTION>__<KEY>."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from recursor.domain.errors import InvalidInputError, unknown_key
from recursor.runner.settings_sources import KEYS, Key, Layer, Source, SourcedValue

PREFIX = "RECURSOR_"

CONFIG, TOKEN, DEBUG = "RECURSOR_CONFIG", "RECURSOR_TOKEN", "RECURSOR_DEBUG"
URL = "RECURSOR_URL"

OTHERS: frozenset[str] = frozenset({CONFIG, TOKEN, URL, DEBUG, "RECURSOR_SMALL_DISK"})
"""Variables that are not settings: the settings file, the token, the remote runner for commands, tracebacks
of internal errors, and the small file system for the full-disk test."""


def variable(key: Key) -> str:
    """Return the name of the variable of a setting."""
    return f"{PREFIX}{key[0].upper()}__{key[1].upper()}"


VARIABLES: Mapping[str, Key] = {**{variable(key): key for key in KEYS}, "RECURSOR_DATA": ("runner", "data")}
"""The setting of every variable; RECURSOR_DATA is short for RECURSOR_RUNNER__DATA."""


def read_variables(environment: Mapping[str, str]) -> Layer:
    """Return the settings in the environment. An empty variable counts as unset.

    Raises:
        InvalidInputError: there is an unknown RECURSOR_ variable, or a setting is given twice.
    """
    layer: dict[Key, SourcedValue] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in OTHERS:
            continue
        if name not in VARIABLES:
            _refuse(name)
        text = environment[name]
        if not text:
            continue
        key, value = VARIABLES[name], _value(text)
        other = layer.get(key)
        if other is not None and other.value != value:
            raise InvalidInputError(
                f"{name}: {text[:60]!r} contradicts {other.where}={str(other.value)[:60]!r}: "
                "set one of the two"
            )
        layer.setdefault(key, SourcedValue(value, Source.VARIABLE, name))
    return layer


def _refuse(name: str) -> None:
    key = name.removeprefix(PREFIX).lower()
    for home in KEYS:
        if key in (home[1], "_".join(home)):
            raise InvalidInputError(f"environment: unknown variable {name}; did you mean {variable(home)}?")
    unknown_key(
        "environment",
        name[:80],
        [*VARIABLES, *OTHERS],
        noun="variable",
        otherwise="see docs/reference/configuration.md",
    )


def _value(text: str) -> Any:
    """Return the list or object in `text`, else the text, for pydantic to convert."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return from_json(text)
        except ValueError:
            pass
    return text
