"""The addresses that a stack's settings may use for models, and which of them get a key.

Otherwise anyone who can set `model.base_url` could send a provider's key to their own server, or reach
services in a network that only the runner reaches.
"""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from recursor.agents.model.provider_names import default_port
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import RunnerSettings, Settings

# OpenAI's own host; only OpenAI's key could be sent elsewhere.
_OPENAI = "api.openai.com:443"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ModelAddresses:
    """The allowed hosts for models."""

    hosts: frozenset[str]
    """`HOST`, for all ports, or `HOST:PORT`, in lower case. They get keys."""
    loopback: bool
    """Whether this machine is allowed, too, without a key."""

    @classmethod
    def of_operator(cls, settings: Settings, runner: RunnerSettings, *, loopback: bool) -> "ModelAddresses":
        """Return the hosts that the operator allows, by name or as the address for all stacks.

        Args:
            settings: the runner's settings for all stacks.
            runner: the runner's own settings.
            loopback: whether only programs of this machine can set an address.
        """
        usual = (settings.model.base_url, os.environ.get("OPENAI_BASE_URL"))
        places = (_place(url)[1] for url in usual if url)
        return cls(frozenset({_OPENAI, *places, *map(_folded, runner.model_hosts)}), loopback)

    def check(self, url: str) -> None:
        """Refuse an address that is not allowed.

        Raises:
            InvalidInputError: the address is not allowed.
        """
        host, place = _place(url)
        if not self.takes_key(url) and not (self.loopback and host in _LOOPBACK):
            raise InvalidInputError(
                f"model.base_url: {place} is not an allowed model host: the runner's operator can allow it, "
                f'with model_hosts = ["{place}"] under [runner] in recursor.toml'
            )

    def takes_key(self, url: str) -> bool:
        """Whether a key may be sent to an address."""
        return not self.hosts.isdisjoint(_place(url))


def _place(url: str) -> tuple[str, str]:
    """Return the host of an address, and the host with its port."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or default_port(parts.scheme)
    except ValueError:
        raise InvalidInputError(f"model.base_url: {url[:100]} is not an address: correct it") from None
    return host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _folded(host: str) -> str:
    return host.lower().rstrip(".")
