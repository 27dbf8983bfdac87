"""Refuses unknown query parameters, which would otherwise look like filters that match everything."""

from collections.abc import Iterable
from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute

# Characters of an unknown name that are repeated in the error.
_SHOWN = 60


async def only_known_parameters(request: Request) -> None:
    """Check that the operation knows every parameter of the query; a dependency of all operations.

    Raises:
        RequestValidationError: there are unknown ones; each is named, with the nearest known one.
    """
    if not request.query_params:
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = _known(route)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name[:_SHOWN]), "msg": _hint(name, known)}
                for name in unknown
            ]
        )


def _known(route: APIRoute) -> tuple[str, ...]:
    fields = get_flat_params(route.dependant)
    return tuple(sorted(field.alias for field in fields if isinstance(field.field_info, Query)))


def _hint(name: str, known: Iterable[str]) -> str:
    known = tuple(known)
    near = get_close_matches(name[:_SHOWN], known, n=1)
    if near:
        return f"unknown parameter; did you mean {near[0]}?"
    if known:
        return f"unknown parameter; known: {', '.join(known)}"
    return "unknown parameter: this operation has none"
