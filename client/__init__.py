"""The client: for the runner of a data directory, one at a URL, or the same API in this process."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recursor.client.asynchronous import AsyncClient
    from recursor.client.event_stream import ToldEvent
    from recursor.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "ToldEvent"]

_HOMES = {"AsyncClient": "asynchronous", "Client": "synchronous", "ToldEvent": "event_stream"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'recursor.client' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    return getattr(import_module(f"recursor.client.{_HOMES[name]}"), name)
