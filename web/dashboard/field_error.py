"""The text of an error, for display next to its field."""

from recursor.domain.errors import InvalidInputError


def field_error(error: InvalidInputError, value: str) -> str:
    """Return the error as a sentence without the field's name.

    Args:
        error: the field's error.
        value: the field's text.
    """
    if not value.strip():
        return "Must not be empty."
    text = str(error).partition(": ")[2].partition(": ")[2]
    return f"{text[:1].upper()}{text[1:]}" if text else str(error)
