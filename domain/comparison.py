"""Differences between two texts."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher

from rapidfuzz.distance import LCSseq

from recursor.domain.errors import InvalidInputError

# Total lines of both texts: the time grows with their product, and this many take a twentieth of a second.
LONGEST_COMPARED = 20_000

# Equal lines around each change.
_AROUND = 3

Block = tuple[str, int, int, int, int]
"""A change of some lines (`equal`, `replace`, `delete` or `insert`), with their start and end in the old and
in the new text."""


def hunks(old: Sequence[str], new: Sequence[str]) -> Iterable[list[Block]]:
    """Return the changes in groups of neighbours, with three equal lines around each group.

    Args:
        old: the old lines; together with `new` at most `LONGEST_COMPARED`.
        new: the new lines.
    """
    return _Matcher(old, new).get_grouped_opcodes(_AROUND)


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return the difference in the format of `diff -u`; empty when there is none.

    Args:
        old: the old text.
        new: the new text.
        old_name: the old text's name in the result.
        new_name: the new text's name.

    Raises:
        InvalidInputError: the two have more than 20,000 lines.
    """
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) + len(after) > LONGEST_COMPARED:
        raise InvalidInputError(
            f"against: the two have {len(before) + len(after)} lines, {LONGEST_COMPARED} can be compared: "
            "get both and compare them there"
        )
    told = "".join(_ended(line) for hunk in hunks(before, after) for line in _told(hunk, before, after))
    return told and f"--- {old_name}\n+++ {new_name}\n{told}"


class _Matcher(SequenceMatcher[str]):
    """Finds the longest common subsequence in bounded time, whatever the texts."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__()
        self._lines = old, new

    def get_matching_blocks(self) -> list[Match]:
        # Numbers in place of lines, because hashes are compared.
        numbers: dict[str, int] = {}
        old, new = ([numbers.setdefault(line, len(numbers)) for line in text] for text in self._lines)
        return [Match(*block) for block in LCSseq.opcodes(old, new).as_matching_blocks()]


def _told(hunk: Sequence[Block], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    (_, i1, _, j1, _), (_, _, i2, _, j2) = hunk[0], hunk[-1]
    yield f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@\n"
    for tag, i1, i2, j1, j2 in hunk:
        if tag == "equal":
            yield from (f" {line}" for line in old[i1:i2])
            continue
        yield from (f"-{line}" for line in old[i1:i2])
        yield from (f"+{line}" for line in new[j1:j2])


def _range(start: int, stop: int) -> str:
    """Return the range of some lines in the format of POSIX's `diff -u`: without lines, the line before."""
    length = stop - start
    return str(start + 1) if length == 1 else f"{start + bool(length)},{length}"


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
