"""What is different between two texts."""

from collections.abc import Iterator
from difflib import unified_diff

from recursor.domain.errors import InvalidInputError

# Lines of both together: more would keep the processor for seconds, and who has such texts has tools for it.
LONGEST_COMPARED = 20_000


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return the difference as `diff -u` tells it; empty when there is none.

    Args:
        old: a text.
        new: what became of it.
        old_name: what the first is called there.
        new_name: likewise.

    Raises:
        InvalidInputError: the two have more than 20,000 lines.
    """
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) + len(after) > LONGEST_COMPARED:
        raise InvalidInputError(
            f"against: the two have {len(before) + len(after)} lines, {LONGEST_COMPARED} can be compared: "
            "get both and compare them there"
        )
    return "".join(_ended(unified_diff(before, after, old_name, new_name)))


def _ended(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
