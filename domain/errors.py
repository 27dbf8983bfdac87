"""The errors that a caller can expect. Each text is one line: the thing, the value, the remedy."""

from difflib import get_close_matches
from typing import NoReturn, Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

SECRET = "secret"
"""The type of pydantic errors about secret values, which are not shown again."""


class RecursorError(Exception):
    """Base of all errors that Recursor raises on purpose."""


class InvalidInputError(RecursorError):
    """A given value cannot be used. Nothing was written."""

    fields: tuple[tuple[tuple[str | int, ...], str], ...] = ()
    """The unusable fields, if known: (the path to it, the problem)."""

    @classmethod
    def explaining(cls, what: str, error: ValidationError) -> Self:
        """Turn a pydantic error about `what` into one line that names the first bad field and its value.

        Args:
            what: the thing being created, as its user would call it ("todo", "settings").
            error: pydantic's error.
        """
        problems = error.errors(include_url=False)
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        made = cls(f"{what}: {_sentence(first)}{more}")
        made.fields = tuple((tuple(each["loc"]), _sentence(each).partition(": ")[2]) for each in problems)
        return made


class NotFoundError(RecursorError):
    """The named thing does not exist."""


class AmbiguousError(RecursorError):
    """The name matches several things."""


class ConflictError(RecursorError):
    """The thing's state does not allow this."""


def in_one_line(error: BaseException) -> str:
    """Return an error's type and text on one line of about 500 characters at most.

    For errors of foreign code: if even reading the text fails, only the type is returned.
    """
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  # the error itself must be reported, whatever its text raises
        return name
    # Invalid text could be neither stored nor shown.
    text = text[:500].encode(errors="backslashreplace").decode()
    return f"{name}: {text}" if text else name


def unknown_key(
    what: str, key: str, known: list[str], *, noun: str = "key", otherwise: str | None = None
) -> NoReturn:
    """Refuse `key`, and suggest the nearest of the `known` keys.

    Args:
        what: where the key was found.
        key: the unknown key.
        known: the existing keys.
        noun: the word for a key there.
        otherwise: the hint if no key is near; by default, all known keys.

    Raises:
        InvalidInputError: always.
    """
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else otherwise or f"known: {', '.join(sorted(known))}"
    raise InvalidInputError(f"{what}: unknown {noun} {key!r}; {hint}")


def _sentence(problem: ErrorDetails) -> str:
    field = ".".join(str(part) for part in problem["loc"]) or "value"
    message = problem["msg"]
    if problem["type"] == "string_pattern_mismatch":
        message = "has characters that are not allowed here"
    if problem["type"] == "tuple_type":
        message = 'input should be a list, such as ["a", "b"]'
    got = "" if problem["type"] == SECRET else f" (got {_short(repr(problem['input']))})"
    sentence = f"{_short(field)}: {message[0].lower()}{message[1:]}{got}"
    # The name of an unexpected field can hold anything, line breaks included.
    return " ".join(sentence.splitlines())


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
