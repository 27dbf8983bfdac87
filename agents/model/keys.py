"""Keys of providers: from the environment or the keyring into the request, and nowhere else."""

import contextlib
import os
import threading

from recursor.agents.model.provider_names import family

SERVICE = "recursor"
SHOWN_INSTEAD = "[key]"
# Characters of a key, and of a possible beginning of one.
SHORTEST, SHORTEST_BEGINNING = 8, 4

KEYLESS = frozenset({"local", "ollama"})
"""Providers that work without a key."""

_FURTHER_VARIABLES = {"google": ("GEMINI_API_KEY",)}


def variables(provider: str) -> tuple[str, ...]:
    """Return the environment variables that may hold a provider's key, in order."""
    name = family(provider)
    return (f"{name.replace('-', '_').upper()}_API_KEY", *_FURTHER_VARIABLES.get(name, ()))


def remedy(provider: str) -> str:
    """Return how to give Recursor the key of `provider`."""
    named = " or ".join(variables(provider))
    return f"set {named}, or put it into the keyring (keyring set recursor {provider})"


class Keys:
    """Looks up keys, and removes them from texts."""

    def __init__(self) -> None:
        """Start without keys."""
        self._lock = threading.Lock()
        self._kept: dict[str, str] = {}
        self._seen: tuple[str, ...] = ()

    def known(self, provider: str) -> str | None:
        """Return the key of `provider` if it is in the environment, or was found in the keyring before."""
        for variable in variables(provider):
            if key := os.environ.get(variable, "").strip():
                return self._note(key)
        return self._kept.get(family(provider))

    def of(self, provider: str) -> str | None:
        """Return the key of `provider`, or None. The keyring is asked until it has one, and may block."""
        key = self.known(provider)
        if key is None:
            # Without the lock, which others need: the keyring may wait for a person. A missing key is looked
            # up again, because somebody may have added it.
            key = _from_keyring(family(provider))
            if key is not None:
                with self._lock:
                    self._kept[family(provider)] = key
                self._note(key)
        return key

    def forget(self, provider: str) -> None:
        """Ask the keyring again next time: the provider has refused the key."""
        with self._lock:
            self._kept.pop(family(provider), None)

    def scrubbed(self, text: str, *, goes_on: bool = False) -> str:
        """Return `text` without any used key, and without a possible beginning of one at its end."""
        for key in self._seen:
            text = text.replace(key, SHOWN_INSTEAD)
            if goes_on:
                begun = range(min(len(key) - 1, len(text)), SHORTEST_BEGINNING - 1, -1)
                text = text[: -next((length for length in begun if text.endswith(key[:length])), 0) or None]
        return text

    def _note(self, key: str) -> str:
        # Shorter values are no secrets, but placeholders such as a name.
        if len(key) >= SHORTEST and key not in self._seen:
            with self._lock:
                # A new tuple, because others may be iterating over the old one. Longest first: one key may
                # contain another.
                self._seen = tuple(sorted({*self._seen, key}, key=len, reverse=True))
        return key


def _from_keyring(provider: str) -> str | None:
    # Without a keyring there is no key, whatever its backend raises.
    with contextlib.suppress(Exception):
        import keyring

        return (keyring.get_password(SERVICE, provider) or "").strip() or None
    return None
