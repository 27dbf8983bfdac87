"""How an error reads beside the field that it is about."""

from recursor.domain.errors import InvalidInputError


def complaint(error: InvalidInputError, value: str) -> str:
    """Return what is wrong with a field, as a sentence without its name.

    Args:
        error: what was raised about it.
        value: what a person typed.
    """
    if not value.strip():
        return "Must not be empty."
    text = str(error).partition(": ")[2].partition(": ")[2]
    return f"{text[:1].upper()}{text[1:]}" if text else str(error)
