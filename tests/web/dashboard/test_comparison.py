"""What is shown of a source and of a difference."""

from recursor.domain.comparison import LONGEST_COMPARED
from recursor.web.dashboard.comparison import LONGEST_SHOWN, WIDEST_SHOWN, compare, excerpt


def test_a_changed_line_stands_among_its_neighbours() -> None:
    before = "\n".join(f"line {number}" for number in range(1, 21))

    found = compare(before, before.replace("line 10\n", "line ten\n"))

    assert found is not None
    assert (found.added, found.removed, found.shown_all) == (1, 1, True)
    assert found.lines == [
        ("@", None, None, "6 lines are the same"),
        (" ", 7, 7, "line 7"),
        (" ", 8, 8, "line 8"),
        (" ", 9, 9, "line 9"),
        ("-", 10, None, "line 10"),
        ("+", None, 10, "line ten"),
        (" ", 11, 11, "line 11"),
        (" ", 12, 12, "line 12"),
        (" ", 13, 13, "line 13"),
        ("@", None, None, "7 lines are the same"),
    ]


def test_nothing_is_different() -> None:
    found = compare("a\nb", "a\nb")

    assert found is not None
    assert found.lines == []


def test_two_that_are_too_long_are_not_compared() -> None:
    assert compare("a\n" * LONGEST_COMPARED, "b") is None


def test_much_is_cut_and_said_to_be() -> None:
    found = compare("", "a\n" * (LONGEST_SHOWN + 1))
    source = excerpt("w" * (WIDEST_SHOWN + 1) + "\nb" * LONGEST_SHOWN)

    assert found is not None
    assert (len(found.lines), found.added, found.shown_all) == (LONGEST_SHOWN, LONGEST_SHOWN + 1, False)
    assert (len(source.lines), source.total, source.narrowed) == (LONGEST_SHOWN, LONGEST_SHOWN + 1, True)
    assert source.lines[0] == "w" * WIDEST_SHOWN + "…"
