"""Reviews a page: sound HTML, accessible, without network requests, and with everything it promises."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recursor.agents.scripted.checks import CHECKS
from recursor.agents.scripted.parsed_page import parse
from recursor.agents.scripted.wording import one_line
from recursor.domain.todo import Todo

# The most findings reported for a page.
MAX_FINDINGS = 8

CHECK_NAMES = tuple(name for name, _ in CHECKS)
# Checks for any page; the others are for pages of the scripted builder.
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
    """A problem of a page."""

    check: str
    """The check's name, from which the planner knows the remedy."""
    text: str

    @property
    def recommendation(self) -> str:
        """The finding in the words of the reviewer."""
        return f"{self.text} [{self.check}]"


def review(
    source: str, todos: Sequence[Todo] = (), checks: Collection[str] = CHECK_NAMES
) -> tuple[ReviewFinding, ...]:
    """Return the problems of a page, the most severe first.

    Args:
        source: the page, one HTML file.
        todos: the stack's todos: completed ones must be on the page.
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
    """Return the check behind a recommendation, or None if it has another source."""
    found = re.search(r"\[([a-z-]+)\]\s*$", recommendation)
    return found[1] if found and found[1] in CHECK_NAMES else None


def todo_missing_in(recommendation: str) -> str | None:
    """Return the id of the todo that a recommendation reports as missing on the page."""
    found = re.search(r"\(todo ([\w-]+)\) \[promises\]\s*$", recommendation)
    return found[1] if found else None
