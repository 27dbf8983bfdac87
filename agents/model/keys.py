"""Keys of providers: from the environment or the keyring, into the request, and nowhere else."""

import contextlib
import os
import threading

from recursor.agents.model.whom import family

SERVICE = "recursor"
SHOWN_INSTEAD = "[key]"

KEYLESS = frozenset({"local", "ollama"})
"""Those that can do without."""

_FURTHER_VARIABLES = {"google": ("GEMINI_API_KEY",)}


def variables(provider: str) -> tuple[str, ...]:
    """Return the environment variables that may hold a provider's key, the first one first."""
    name = family(provider)
    return (f"{name.replace('-', '_').upper()}_API_KEY", *_FURTHER_VARIABLES.get(name, ()))


def remedy(provider: str) -> str:
    """Return how a person gives Recursor the key of `provider`."""
    named = " or ".join(variables(provider))
    return f"set {named}, or put it into the keyring (keyring set recursor {provider})"


class Keys:
    """Looks keys up, and takes them out of texts."""

    def __init__(self) -> None:
        """Know no key yet."""
        self._lock = threading.Lock()
        self._kept: dict[str, str] = {}
        self._seen: set[str] = set()

    def of(self, provider: str) -> str | None:
        """Return the key of `provider`, or None. The keyring is asked until it has one, and may block."""
        name = family(provider)
        for variable in variables(provider):
            if key := os.environ.get(variable, "").strip():
                return self._note(key)
        with self._lock:
            kept = self._kept.get(name) or _from_keyring(name)
            if kept is not None:
                # What is not there is looked for again: somebody may have been told to put it there.
                self._kept[name] = kept
        return None if kept is None else self._note(kept)

    def forget(self, provider: str) -> None:
        """Ask the keyring again next time: the provider has refused the key."""
        with self._lock:
            self._kept.pop(family(provider), None)

    def scrubbed(self, text: str) -> str:
        """Return `text` without any key that was used."""
        with self._lock:
            seen = list(self._seen)
        for key in seen:
            text = text.replace(key, SHOWN_INSTEAD)
        return text

    def _note(self, key: str) -> str:
        with self._lock:
            self._seen.add(key)
        return key


def _from_keyring(provider: str) -> str | None:
    # A machine without a keyring is as good as a keyring without the key, whatever its backend raises.
    with contextlib.suppress(Exception):
        import keyring

        return (keyring.get_password(SERVICE, provider) or "").strip() or None
    return None
