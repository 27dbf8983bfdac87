"""Says what is wrong with an answer, all of it at once, so that the model is asked again but once."""

from collections.abc import Iterable

from pydantic_ai import ModelRetry

# What more is wrong is said the next time.
MOST_PROBLEMS = 10


def insist(problems: Iterable[str]) -> None:
    """Have the model asked again, if there are problems.

    Raises:
        ModelRetry: there are.
    """
    found = list(problems)
    if found:
        more = len(found) - MOST_PROBLEMS
        ending = f"\n(and {more} more)" if more > 0 else ""
        raise ModelRetry("\n".join(found[:MOST_PROBLEMS]) + ending)


def unknown_numbers(what: str, numbers: Iterable[int], known: int) -> list[str]:
    """Return what is wrong with numbers of things that are numbered from 1 to `known`."""
    return [
        f"There is no {what} {number}: "
        + (f"they are numbered 1 to {known}." if known else "there are none.")
        for number in sorted(set(numbers))
        if not 1 <= number <= known
    ]
