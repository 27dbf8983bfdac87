"""The requests of a client, independent of their transport.

A question or a command is an `Operation`: a generator that yields calls, is sent the body of each answer, and
returns the typed answer. `Client` and `AsyncClient` execute the same operations.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from recursor.domain.errors import NotFoundError

T = TypeVar("T")

# Characters: a longer text names no stack (see `recursor.storage.stack_names`), and makes no URL.
_LONGEST_NAMED = 300

Query = Mapping[str, str | int | Sequence[str] | None]
"""The parameters of a call; None and empty values are left out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request."""

    method: str
    path: str
    """The path below the URL, with the query."""
    content: bytes | None = None
    takes: float = 0.0
    """Seconds that the answer may take, if longer than usual."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET" or self.path == "/api/sql"


Operation = Generator[Call, bytes, T]


def get(path: str, query: Query | None = None) -> Call:
    """Return a call for a question."""
    given = {key: value for key, value in (query or {}).items() if value not in (None, "", ())}
    if not given:
        return Call("GET", path)
    from urllib.parse import urlencode

    return Call("GET", f"{path}?{urlencode(given, doseq=True, errors='replace')}")


def send(method: str, path: str, body: object = None, takes: float = 0.0) -> Call:
    """Return a call for a command, which may take this many seconds."""
    return Call(method, path, None if body is None else json.dumps(body).encode(), takes)


def path_of(stack: str, *rest: str) -> str:
    """Return the path of a stack's resource.

    Args:
        stack: the stack's id, the first digits of it, or its name.
        rest: the parts of the path below the stack's.

    Raises:
        NotFoundError: no name is that long.
    """
    if len(stack) > _LONGEST_NAMED:
        raise NotFoundError(
            f"no stack named {stack[:40]!r}... ({len(stack)} characters): no name is that long"
        )
    # Quoted twice, because a server decodes a path before splitting it: see `recursor.web.api.parameters`.
    # Dots would mean the parent path, and an empty part would vanish.
    once = quote(stack, safe="", errors="replace").replace(".", "%2E") or "%20"
    return "/".join(("/api/stacks", quote(once, safe=""), *map(quote, rest)))
