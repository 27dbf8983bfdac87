"""A shopping list, changed by commands such as "add milk"."""

from collections.abc import Callable


def add(items: list[str], what: str) -> str:
    """Add an item."""
    items.append(what)
    return f"Added {what}."


COMMANDS: dict[str, Callable[[list[str], str], str]] = {
    "add": add,
}


def run(items: list[str], line: str) -> str:
    """Carry out a command, and return what to tell."""
    name, _, rest = line.strip().partition(" ")
    if name not in COMMANDS:
        return f"Unknown command: {name}"
    return COMMANDS[name](items, rest.strip())
