"""Which of the reviewer's recommendations are planned in a todo and need not be repeated."""

from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from recursor.domain.todo import Todo

_ONE, _SEVERAL = "recommendation", "recommendations"


def noted(recommendations: Sequence[str]) -> dict[str, JsonValue]:
    """Return a todo's metadata about the recommendations that it follows."""
    return {_SEVERAL: list(recommendations)} if recommendations else {}


def planned(todos: Iterable[Todo]) -> frozenset[str]:
    """Return the recommendations that `todos` follow."""
    found: set[str] = set()
    for todo in todos:
        several = todo.metadata.get(_SEVERAL)
        for text in (todo.metadata.get(_ONE), *(several if isinstance(several, list) else ())):
            if isinstance(text, str):
                found.add(text)
    return frozenset(found)
