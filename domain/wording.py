"""Spans of time, sizes, numbers and sums of money in words."""

from decimal import Decimal

COMMIT_DIGITS = 10
"""Shown digits of a commit's hash: its first ones."""

TODO_DIGITS = 8
"""Shown digits of a todo's id: the last ones, since ids begin alike, because they sort by age."""


def span(seconds: float) -> str:
    """Return a span in its shortest readable form: 40 ms, 1.2 s, 42 s, 3 min 5 s, 2 h 7 min, 5 d 3 h."""
    if seconds < 0.1:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, smaller, smaller_name in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def size(count: float) -> str:
    """Return a number of bytes: 312 B, 24 KB, 1.3 MB, 2.0 GB."""
    if count < 1000:
        return f"{count:.0f} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} KB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count / 1_000_000_000:.1f} GB"


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: 1 cycle, 2 cycles."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share of 0 to 1 as a percentage that shows 100 % only for the whole: 100 %, 99.9 %, 4.2 %."""
    shown = f"{share * 100:.1f}".removesuffix(".0")
    return "99.9 %" if shown == "100" and share < 1 else f"{shown} %"


def money(dollars: Decimal) -> str:
    """Return a sum of US dollars: $12.30, $0.0042, under $0.0001."""
    if 0 < dollars < Decimal("0.0001"):
        return "under $0.0001"
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == round(dollars, 2) else f"${dollars:,.4f}"


def cost(dollars: Decimal, unpriced_tokens: int) -> str:
    """Return a cost, with the tokens of unknown price.

    Args:
        dollars: US dollars, of usage with a known price.
        unpriced_tokens: tokens with an unknown price.
    """
    if not unpriced_tokens:
        return money(dollars)
    return (
        f"{money(dollars)} and {plural(unpriced_tokens, 'token')} of unknown price" if dollars else "unknown"
    )


def run_name(role: str, todo_id: str | None) -> str:
    """Return the name of a run for people: its role, and the last digits of its todo if it is for one."""
    return role if todo_id is None else f"{role} {todo_id[-TODO_DIGITS:]}"
