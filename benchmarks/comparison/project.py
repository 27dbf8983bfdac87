"""The project that every team makes, what a model says on the way, and when it is finished.

Only the standard library is used here: the programs of other frameworks import this in environments of
their own.
"""

import re
from dataclasses import asdict, dataclass, field
from typing import Any

ROLES = ("planner", "builder", "reviewer", "communicator")

IDEA = "A page on which a household keeps its shopping list."
WISH = "Could you add a button that clears what was bought? I would like to tidy up after shopping."
ANSWER = "Thank you, Ada: the team will look into a button that clears what was bought."
APPROVED = "APPROVE"
"""How a reviewer ends its answer when nothing is left to be done: the word of AutoGen's own example."""
NOT_YET = "What there is works, and parts of the plan are still to be built."
NOTHING_TO_PLAN = "There is nothing new to plan."
NOTHING_TO_BUILD = "There is nothing to build."
NOBODY_WAITS = "No visitor waits for an answer."

INSTRUCTIONS = {
    "planner": "You plan: say which parts the page needs, and plan what visitors wish for.",
    "builder": "You build: return the whole page with one more part of what is planned.",
    "reviewer": f"You review the page. Say {APPROVED} when all that is planned is there and works.",
    "communicator": "You answer visitors, in a sentence.",
}
"""What a team's agents are told they are; Recursor's have prompts of their own."""

_PART = re.compile(r"id=part-(\d+)")


def todo(number: int, parts: int) -> str:
    """Return the todo of a part; the one after the last of the first plan is the visitor's wish."""
    if number > parts:
        return f"Part {number}: a button that clears what was bought"
    return f"Part {number}: a section with its own list, kept on the device"


def plan(first: int, last: int, parts: int) -> str:
    """Return a plan in words."""
    return "The plan:\n" + "\n".join(f"- {todo(number, parts)}" for number in range(first, last + 1))


def page(built: int) -> str:
    """Return the page with its first `built` parts: sound HTML, as a reviewer's programs want it."""
    sections = "\n".join(
        f"<section id=part-{number}><h2>Part {number}</h2><p>What part {number} is for.</p></section>"
        for number in range(1, built + 1)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Shopping list</title>\n</head>\n<body>\n<main>\n<h1>Shopping list</h1>\n"
        f"{sections}\n</main>\n</body>\n</html>\n"
    )


def parts_in(text: str) -> int:
    """Return how many parts the fullest page in `text` has."""
    return max((int(number) for number in _PART.findall(text)), default=0)


@dataclass
class Made:
    """What a team has made, told by whoever ran it."""

    over: bool
    """Whether the team itself says that it is done, or has no such notion."""
    pages: list[str] = field(default_factory=list)
    """All versions, the oldest first."""
    approved: list[int] = field(default_factory=list)
    """How many parts the versions had that the reviewer approved."""
    answer: str = ""
    """To the visitor."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the framework's packages."""

    def missing(self, parts: int) -> list[str]:
        """Return what keeps the project from being finished; the same for every team."""
        built = parts_in(self.pages[-1]) if self.pages else 0
        checks = {
            f"the page has {built} of {parts + 1} parts": built == parts + 1,
            "nobody reviewed what was made of the idea": parts in self.approved,
            "nobody reviewed what was made of the visitor's wish": parts + 1 in self.approved,
            "the visitor has no answer": ANSWER in self.answer,
            "the team does not say that it is done": self.over,
        }
        return [problem for problem, holds in checks.items() if not holds]

    def as_json(self) -> dict[str, Any]:
        """Return it for the wire between processes."""
        return asdict(self)


def noted(made: Made, role: str, text: str) -> None:
    """Note in `made` what an agent of a role has said."""
    if role == "builder" and parts_in(text):
        made.pages.append(text)
    elif role == "reviewer" and APPROVED in text:
        made.approved.append(parts_in(made.pages[-1]) if made.pages else 0)
    elif role == "communicator" and text != NOBODY_WAITS:
        made.answer = text
