"""What is different between two texts."""

import random

import pytest

from recursor.domain.comparison import hunks, unified
from recursor.domain.errors import InvalidInputError


def lines(text: str) -> list[str]:
    return text.split()


def test_nothing_is_different_between_equal_texts() -> None:
    assert unified("a\nb\n", "a\nb\n", "1", "2") == ""
    assert unified("", "", "1", "2") == ""


def test_changes_are_told_with_the_lines_around() -> None:
    old = "".join(f"{number}\n" for number in range(20))
    new = old.replace("4\n", "four\n", 1).replace("19\n", "")
    assert unified(old, new, "1", "2") == (
        "--- 1\n+++ 2\n"
        "@@ -2,7 +2,7 @@\n 1\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n"
        "@@ -17,4 +17,3 @@\n 16\n 17\n 18\n-19\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "a\n", "@@ -0,0 +1 @@\n+a\n"),
        ("a\n", "", "@@ -1 +0,0 @@\n-a\n"),
        ("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
    ],
)
def test_places_and_ends_are_told_as_diff_does(old: str, new: str, told: str) -> None:
    assert unified(old, new, "1", "2") == f"--- 1\n+++ 2\n{told}"


def test_no_line_is_changed_without_need() -> None:
    """Also where the longest equal block is in the wrong place."""
    [hunk] = hunks(lines("a b c d x y z"), lines("x y z a b c d"))
    assert [block[0] for block in hunk] == ["insert", "equal", "delete"]
    [hunk] = hunks(lines("a b c d e f 1 2 3 4"), lines("1 2 3 4 5 a c d f x"))
    equal = sum(stop - start for tag, start, stop, _, _ in hunk if tag == "equal")
    assert equal == 4


def test_lines_that_come_again_and_again_take_no_time() -> None:
    """Two pages of 43 KB, of the same lines in another order, took minutes of pure Python."""
    words = [f"w{number % 100:02}" for number in range(9_900)]
    old, new = (random.Random(seed).sample(words, len(words)) for seed in (1, 2))
    blocks = [block for hunk in hunks(old, new) for block in hunk]
    equal = sum(stop - start for tag, start, stop, _, _ in blocks if tag == "equal")
    assert all(old[i1:i2] == new[j1:j2] for tag, i1, i2, j1, j2 in blocks if tag == "equal")
    assert equal > len(words) // 10


def test_too_long_texts_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="have 20001 lines, 20000 can be compared"):
        unified("a\n" * 10_000, "b\n" * 10_001, "1", "2")
