"""Reviews a page: is it sound HTML, usable by everyone, silent on the network, and all that it promises?"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recursor.agents.scripted.checks import CHECKS
from recursor.agents.scripted.parsed_page import parse
from recursor.agents.scripted.wording import one_line
from recursor.domain.todo import Todo

# A page that is wrong in many ways is told the first of them.
MAX_FINDINGS = 8

CHECK_NAMES = tuple(name for name, _ in CHECKS)
# What any page has to be, whoever made it; the others are about what the scripted builder makes.
GENERAL_CHECKS = frozenset(CHECK_NAMES) - {
    "promises",
    "sections",
    "components",
    "backup",
    "navigation",
    "guide",
}


@dataclass(frozen=True, slots=True)
class ReviewFinding:
    """One thing that is wrong with a page, or missing."""

    check: str
    """The check's name: the planner knows by it what to do."""
    text: str

    @property
    def recommendation(self) -> str:
        """The finding as the reviewer writes it down."""
        return f"{self.text} [{self.check}]"


def review(
    source: str, todos: Sequence[Todo] = (), checks: Collection[str] = CHECK_NAMES
) -> tuple[ReviewFinding, ...]:
    """Return what is wrong with a page, the gravest first.

    Args:
        source: the page, one HTML file.
        todos: the stack's todos: what is completed must be on the page.
        checks: the names of the checks to make.
    """
    page = parse(source, tuple(todos))
    findings = [
        ReviewFinding(name, one_line(text, 500))
        for name, check in CHECKS
        if name in checks
        for text in check(page)
    ]
    return tuple(findings[:MAX_FINDINGS])


def check_of(recommendation: str) -> str | None:
    """Return the check that a recommendation came from, or None for one that came from elsewhere."""
    found = re.search(r"\[([a-z-]+)\]\s*$", recommendation)
    return found[1] if found and found[1] in CHECK_NAMES else None


def todo_missing_in(recommendation: str) -> str | None:
    """Return the id of the todo that a recommendation says is missing on the page."""
    found = re.search(r"\(todo ([\w-]+)\) \[promises\]\s*$", recommendation)
    return found[1] if found else None
